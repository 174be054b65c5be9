"""An ONNX Runtime session on the hardware that is asked for, and nothing less."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnxruntime

from embed_service.encoder.errors import EncoderError

__all__ = ["CPU", "Device", "Hardware", "load_libraries", "open_session"]

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "gpu", "cuda", "tensorrt"]

CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_NAMES = {_CUDA: "CUDA", _TENSORRT: "TensorRT"}


@dataclass(frozen=True)
class Hardware:
    """What an encoder runs on.

    Attributes:
        device: "cuda" and "tensorrt" demand a GPU, and so does "gpu", which means CUDA; "auto" takes CUDA
            where it works and the CPU elsewhere.
        threads: of one inference on the CPU; 0 lets ONNX Runtime choose.
        float16: TensorRT computes in float16 also what the file has in float32: about twice as fast, and
            vectors differ in the third digit. Elsewhere the file alone decides.
        engines: folder where TensorRT keeps the engines it builds, which takes minutes; None keeps none.
    """

    device: Device = "auto"
    threads: int = 0
    float16: bool = False
    engines: Path | None = None

    def providers(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the execution providers to ask for beside the CPU, the preferred one first.

        Raises:
            EncoderError: one that is demanded is not in this ONNX Runtime.
        """
        wanted: list[tuple[str, dict[str, Any]]] = []
        if self.device == "tensorrt":
            wanted.append((_TENSORRT, self._tensorrt()))
        if self.device != "cpu":
            # The default tries all algorithms, anew for each batch size.
            wanted.append((_CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}))
        available = onnxruntime.get_available_providers()
        missing = [_NAMES[name] for name, _ in wanted if name not in available]
        if missing and self.device == "auto":
            return []
        if missing:
            raise EncoderError(
                f"a GPU is demanded, but this ONNX Runtime has no {missing[0]}: replace onnxruntime by "
                "onnxruntime-gpu (pip install 'vicinal[gpu]'), or use --device cpu"
            )
        return wanted

    def _tensorrt(self) -> dict[str, Any]:
        options: dict[str, Any] = {"trt_fp16_enable": self.float16}
        if self.engines is not None:
            self.engines.mkdir(parents=True, exist_ok=True)
            for what in ("engine", "timing"):
                options |= {f"trt_{what}_cache_enable": True, f"trt_{what}_cache_path": str(self.engines)}
        return options


def open_session(data: bytes, path: Path, hardware: Hardware) -> Any:
    """Return an `InferenceSession` of the ONNX file `data`, which was read from `path`.

    Raises:
        EncoderError: ONNX Runtime cannot load it, or what is demanded is not there; the message says which.
    """
    wanted = hardware.providers()
    if wanted:
        load_libraries()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = hardware.threads
    # Threads that spin between runs take the cores from the decoders and from the service next door; within a
    # run they wait for each other so briefly that sleeping costs a lone caller a tenth of his time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Weights in other files would escape the digest: let them not be found.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        session = onnxruntime.InferenceSession(data, options, providers=[*wanted, CPU])
    except Exception as error:  # ONNX Runtime has no common class for what it raises
        raise EncoderError(f"{path} is no encoder that ONNX Runtime can load: {error}") from error
    session.disable_fallback()  # a failing GPU must be seen, not papered over
    if wanted and session.get_providers()[0] != wanted[0][0]:
        name = _NAMES[wanted[0][0]]
        message = (
            f"{name} is in this ONNX Runtime but could not be started (driver, {name} or cuDNN missing?)"
        )
        if hardware.device != "auto":
            raise EncoderError(f"a GPU is demanded, but {message}; use --device cpu to do without")
        logger.warning("%s; serving on the CPU", message)
    return session


def load_libraries() -> None:
    """Load the CUDA and cuDNN that pip installed, as with torch: the system's loader does not look there."""
    # ONNX Runtime before 1.21 cannot; it says on stdout what it did not find, and the session then says why.
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is not None:
        preload()
