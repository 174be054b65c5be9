"""Load an ONNX encoder, check it, run it."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime

from embed_service.encoder.errors import EncoderError
from vicinal.imaging.preprocessing import Pixels, Preprocessing, PreprocessingError

__all__ = ["METADATA_KEY", "Device", "Encoder", "digest_of", "sidecar_of", "unit_rows"]

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "gpu"]

METADATA_KEY = "vicinal.preprocessing"
"""Key in the ONNX file's metadata_props whose value is the preprocessing's JSON."""

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_CUDA_OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC"}  # the default tries all, anew for each batch size


class Encoder:
    """An ONNX encoder in memory. `embed` is for one thread at a time.

    Attributes:
        preprocessing: how a picture becomes its input.
        digest: SHA-256 over the file and the preprocessing, 64 lower-case hex digits.
        name: for people.
        dimension: length of every vector.
        provider: the ONNX Runtime execution provider in use.
    """

    def __init__(self, path: Path, *, device: Device = "auto", threads: int = 0) -> None:
        """Load `path`; nothing is run but, where the file leaves the dimension open, one image.

        Args:
            path: the ONNX file, self-contained, with its preprocessing inside or in `sidecar_of(path)`.
            device: "gpu" demands CUDA, "auto" prefers it.
            threads: of one inference on the CPU; 0 lets ONNX Runtime choose.

        Raises:
            EncoderError: it cannot be served; the message says why and what to do.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EncoderError(f"cannot read the encoder {path}: {error.strerror}") from error
        self._session = _open(data, path, device, threads)
        self.provider: str = self._session.get_providers()[0]
        self.preprocessing = _preprocessing(self._session, path)
        self.digest = digest_of(data, self.preprocessing)
        self.name = self.preprocessing.name or path.stem
        self._input = _checked_input(self._session, self.preprocessing.size)
        self._output, dimension = _checked_output(self._session)
        self.dimension = dimension or self._measured_dimension(path)

    def embed(self, batch: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 (n, dimension): a unit vector for each picture, or zeros where there is none.

        A row is zero when the encoder gave a zero or non-finite vector.

        Args:
            batch: uint8 (n, size, size, 3), as `preprocessing.resized` makes them.

        Raises:
            Exception: the encoder could not be run; ONNX Runtime has no common class for it.
        """
        features = self._features(batch)
        if features.shape != (len(batch), self.dimension):
            expected = (len(batch), self.dimension)
            raise EncoderError(f"the encoder gave an array of shape {features.shape}, expected {expected}")
        return unit_rows(features)

    def probe(self, count: int = 1) -> None:
        """Run `count` pictures of noise, to warm up or to see whether the encoder works.

        Raises:
            EncoderError: it could not be run, or gave no usable vectors.
        """
        try:
            vectors = self.embed(self._noise(count))
        except Exception as error:
            raise EncoderError(f"the encoder does not run: {error}") from error
        if not vectors.any(axis=1).all():
            raise EncoderError("the encoder gives zero or non-finite vectors for pictures of noise")

    def _features(self, batch: Pixels) -> npt.NDArray[np.float32]:
        inputs = {self._input: self.preprocessing.normalised(batch)}
        features: npt.NDArray[np.float32] = self._session.run([self._output], inputs)[0]
        return features

    def _measured_dimension(self, path: Path) -> int:
        try:
            return int(self._features(self._noise(1)).shape[1])
        except Exception as error:  # ONNX Runtime has no common class for what it raises
            raise EncoderError(f"{path} does not run: {error}") from error

    def _noise(self, count: int) -> Pixels:
        side = self.preprocessing.size
        return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def digest_of(data: bytes, preprocessing: Preprocessing) -> str:
    """Return the SHA-256 (64 lower-case hex digits) over the ONNX file and its canonical preprocessing."""
    digest = hashlib.sha256(data)
    digest.update(preprocessing.to_json().encode())
    return digest.hexdigest()


def sidecar_of(path: Path) -> Path:
    """Return where the preprocessing of the encoder `path` stands when it is not inside: FILE.onnx.json."""
    return path.with_name(path.name + ".json")


def unit_rows(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return `features` (n, d) with rows of length 1; zero and non-finite rows become zeros."""
    wide = features.astype(np.float64)  # float32 squares overflow from 2e19 on
    wide[~np.isfinite(wide).all(axis=1)] = 0
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (wide / np.where(length > 0, length, 1)).astype(np.float32)
    return unit


def _open(data: bytes, path: Path, device: Device, threads: int) -> Any:
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if device == "gpu" and not has_cuda:
        raise EncoderError(
            "a GPU is demanded, but this ONNX Runtime has no CUDA: replace onnxruntime by onnxruntime-gpu "
            "(pip install 'vicinal[gpu]'), or use --device cpu"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin while they wait take the cores from the decoders and from the service next door.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Weights in other files would escape the digest: let them not be found.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    wanted = [(_CUDA, _CUDA_OPTIONS), _CPU] if has_cuda and device != "cpu" else [_CPU]
    try:
        session = onnxruntime.InferenceSession(data, options, providers=wanted)
    except Exception as error:  # ONNX Runtime has no common class for what it raises
        raise EncoderError(f"{path} is no encoder that ONNX Runtime can load: {error}") from error
    session.disable_fallback()  # a failing GPU must be seen, not papered over
    if len(wanted) > 1 and session.get_providers()[0] != _CUDA:
        message = "CUDA is in this ONNX Runtime but could not be started (driver, CUDA or cuDNN missing?)"
        if device == "gpu":
            raise EncoderError(f"a GPU is demanded, but {message}; use --device cpu to do without")
        logger.warning("%s; serving on the CPU", message)
    return session


def _preprocessing(session: Any, path: Path) -> Preprocessing:
    inside: str | None = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    sidecar = sidecar_of(path)
    beside = sidecar.read_text(encoding="utf-8") if sidecar.is_file() else None
    try:
        found = [Preprocessing.from_json(text) for text in (inside, beside) if text is not None]
    except PreprocessingError as error:
        raise EncoderError(str(error)) from error
    if not found:
        raise EncoderError(
            f"{path} says nothing of its preprocessing: there is neither a metadata entry {METADATA_KEY!r} "
            f"inside nor a file {sidecar} beside it. Write the latter with, for example:\n"
            f"  python -m embed_service.encoder.describe {path} --size 224 --resize bicubic --fit crop"
        )
    if found[0] != found[-1]:
        raise EncoderError(f"the preprocessing inside {path} differs from {sidecar}: remove the wrong one")
    return found[0]


def _checked_input(session: Any, size: int) -> str:
    """Return the input's name after checking that it takes float32 (any, 3, size, size)."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise EncoderError(f"the encoder has {len(inputs)} inputs, expected one")
    shape, kind = inputs[0].shape, inputs[0].type
    fits = len(shape) == 4 and all(
        not isinstance(have, int) or have == want
        for have, want in zip(shape[1:], (3, size, size), strict=True)
    )
    if kind != "tensor(float)" or not fits:
        raise EncoderError(f"the encoder takes {kind} {shape}, expected tensor(float) [n, 3, {size}, {size}]")
    if isinstance(shape[0], int):
        raise EncoderError(
            f"the encoder takes exactly {shape[0]} images at a time: export it with a dynamic first axis"
        )
    name: str = inputs[0].name
    return name


def _checked_output(session: Any) -> tuple[str, int | None]:
    """Return the output's name and, where the file says it, the dimension."""
    outputs = session.get_outputs()
    if len(outputs) != 1:
        raise EncoderError(
            f"the encoder has {len(outputs)} outputs, expected one: features of [n, dimension]"
        )
    shape, kind = outputs[0].shape, outputs[0].type
    if kind != "tensor(float)" or len(shape) != 2:
        raise EncoderError(f"the encoder gives {kind} {shape}, expected tensor(float) [n, dimension]")
    return outputs[0].name, shape[1] if isinstance(shape[1], int) else None
