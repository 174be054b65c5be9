"""Load an ONNX encoder, check it, run it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from embed_service.encoder.bound import BoundRuns
from embed_service.encoder.cores import CoreRuns, cores
from embed_service.encoder.errors import EncoderError
from embed_service.encoder.session import CPU, Device, Hardware, open_session
from vicinal.imaging.preprocessing import Preprocessing, PreprocessingError
from vicinal.wire.vectors import unit_rows

__all__ = ["METADATA_KEY", "Encoder", "digest_of", "sidecar_of"]

METADATA_KEY = "vicinal.preprocessing"
"""Key in the ONNX file's metadata_props whose value is the preprocessing's JSON."""

_TYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
}


class Encoder:
    """An ONNX encoder in memory. `embed` is for one thread at a time.

    Attributes:
        path: the file it was loaded from.
        preprocessing: how a picture becomes its input.
        input_name: the input's name in the file.
        input_shape: of one input, (3, size, size).
        input_type: the input's dtype, float32 or float16.
        output_name: the output's name in the file.
        digest: SHA-256 over the file and the preprocessing, 64 lower-case hex digits.
        name: for people.
        dimension: length of every vector.
        provider: the ONNX Runtime execution provider in use.
        padded: batches of few sizes are run best: a GPU prepares kernels and memory for each size.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: Device = "auto",
        threads: int = 0,
        float16: bool = False,
        engines: Path | None = None,
    ) -> None:
        """Load `path`; nothing is run but, where the file leaves the dimension open, one image.

        Args:
            path: the ONNX file, self-contained, with its preprocessing inside or in `sidecar_of(path)`.
            device: what to run on, see `Hardware`, as for the following.
            threads: of one inference on the CPU.
            float16: let TensorRT compute in float16.
            engines: where TensorRT keeps what it builds.

        Raises:
            EncoderError: it cannot be served; the message says why and what to do.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise EncoderError(f"cannot read the encoder {path}: {error.strerror}") from error
        hardware = Hardware(device, threads, float16, engines)
        self._session = open_session(data, path, hardware)
        self.path = path
        self.provider: str = self._session.get_providers()[0]
        self.padded = self.provider != CPU
        self.preprocessing = _preprocessing(self._session, path)
        self.digest = digest_of(data, self.preprocessing)
        self.name = self.preprocessing.name or path.stem
        size = self.preprocessing.size
        self.input_shape = (3, size, size)
        self.input_name, self.input_type = _checked_input(self._session, size)
        self.output_name, dimension = _checked_output(self._session)
        self._runs = BoundRuns(
            self._session,
            shape=self.input_shape,
            kind=self.input_type,
            device="cuda" if self.padded else "cpu",
        )
        self._cores: CoreRuns | None = None
        if not self.padded and (count := threads or cores()) > 1:
            alone = open_session(data, path, replace(hardware, device="cpu", threads=1))
            self._cores = CoreRuns(alone, count)
        self.dimension = dimension or self._measured_dimension()

    def input_of(self, image: Image.Image) -> npt.NDArray[Any]:
        """Return `image` (mode "RGB", any size) as one input; for any number of threads."""
        pixels = self.preprocessing.resized(image)[np.newaxis]
        ready: npt.NDArray[Any] = self.preprocessing.normalised(pixels)[0]
        return ready.astype(self.input_type, copy=False)

    def embed(self, inputs: Sequence[npt.NDArray[Any]], size: int | None = None) -> npt.NDArray[np.float32]:
        """Return float32 (n, dimension): a unit vector for each input, or zeros where there is none.

        A row is zero when the encoder gave a zero or non-finite vector.

        Args:
            inputs: n pictures as `input_of` or `preprocessing.normalised` makes them.
            size: run them as a batch of so many, at least n, if the encoder is `padded`; None takes n.

        Raises:
            Exception: the encoder could not be run; ONNX Runtime has no common class for it.
        """
        size = size if self.padded and size else len(inputs)
        features = self._features(inputs, size)
        if features.shape != (size, self.dimension):
            expected = (size, self.dimension)
            raise EncoderError(f"the encoder gave an array of shape {features.shape}, expected {expected}")
        return unit_rows(features[: len(inputs)])

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

    def _features(self, inputs: Sequence[npt.NDArray[Any]], size: int) -> npt.NDArray[Any]:
        if self.padded:
            return self._runs.run(inputs, size)
        batch = np.stack(inputs, dtype=self.input_type, casting="same_kind")  # in one copy
        if self._cores is not None and size > 1:
            return self._cores.run(batch)
        features: npt.NDArray[Any] = self._session.run([self.output_name], {self.input_name: batch})[0]
        return features

    def _measured_dimension(self) -> int:
        try:
            return int(self._features(self._noise(1), 1).shape[1])
        except Exception as error:  # ONNX Runtime has no common class for what it raises
            raise EncoderError(f"{self.path} does not run: {error}") from error

    def _noise(self, count: int) -> list[npt.NDArray[np.float32]]:
        side = self.preprocessing.size
        pictures = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
        return list(self.preprocessing.normalised(pictures))


def digest_of(data: bytes, preprocessing: Preprocessing) -> str:
    """Return the SHA-256 (64 lower-case hex digits) over the ONNX file and its canonical preprocessing."""
    digest = hashlib.sha256(data)
    digest.update(preprocessing.to_json().encode())
    return digest.hexdigest()


def sidecar_of(path: Path) -> Path:
    """Return where the preprocessing of the encoder `path` stands when it is not inside: FILE.onnx.json."""
    return path.with_name(path.name + ".json")


def _preprocessing(session: Any, path: Path) -> Preprocessing:
    sidecar = sidecar_of(path)
    try:
        inside: str | None = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        beside = sidecar.read_text(encoding="utf-8") if sidecar.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise EncoderError(f"cannot read the preprocessing of {path}: {error}") from error
    try:
        found = [Preprocessing.from_json(text) for text in (inside, beside) if text is not None]
    except PreprocessingError as error:
        raise EncoderError(str(error)) from error
    if not found:
        raise EncoderError(
            f"{path} says nothing of its preprocessing: there is neither a metadata entry {METADATA_KEY!r} "
            f"inside nor a file {sidecar} beside it. `vicinal export-encoder` writes the former; write the "
            f"latter with, for example:\n"
            f"  python -m embed_service.encoder.describe {path} --size 224 --resize bicubic --fit crop"
        )
    if found[0] != found[-1]:
        raise EncoderError(f"the preprocessing inside {path} differs from {sidecar}: remove the wrong one")
    return found[0]


def _checked_input(session: Any, size: int) -> tuple[str, np.dtype[Any]]:
    """Return the input's name and dtype, once it is sure that it takes floats of (any, 3, size, size)."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise EncoderError(f"the encoder has {len(inputs)} inputs, expected one")
    shape, kind = inputs[0].shape, inputs[0].type
    fits = len(shape) == 4 and all(
        not isinstance(have, int) or have == want
        for have, want in zip(shape[1:], (3, size, size), strict=True)
    )
    if kind not in _TYPES or not fits:
        raise EncoderError(
            f"the encoder takes {kind} {shape}, expected {' or '.join(_TYPES)} [n, 3, {size}, {size}]"
        )
    if isinstance(shape[0], int):
        raise EncoderError(
            f"the encoder takes exactly {shape[0]} images at a time: export it with a dynamic first axis"
        )
    return inputs[0].name, _TYPES[kind]


def _checked_output(session: Any) -> tuple[str, int | None]:
    """Return the output's name and, where the file says it, the dimension."""
    outputs = session.get_outputs()
    if len(outputs) != 1:
        raise EncoderError(
            f"the encoder has {len(outputs)} outputs, expected one: features of [n, dimension]"
        )
    shape, kind = outputs[0].shape, outputs[0].type
    if kind not in _TYPES or len(shape) != 2:
        raise EncoderError(f"the encoder gives {kind} {shape}, expected {' or '.join(_TYPES)} [n, dimension]")
    return outputs[0].name, shape[1] if isinstance(shape[1], int) else None
