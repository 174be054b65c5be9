"""What the embedding service's methods return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "EmbedLimits",
    "Embedded",
    "Embeddings",
    "ImageError",
    "LoadedModel",
    "Model",
    "Models",
    "Priority",
    "Timing",
]

Key = TypeVar("Key")


class Priority(Enum):
    """Whose images go first when the embedding service has more to do than it can at once.

    Interactive images go before bulk ones, which keep an eighth of the places while both wait.
    """

    INTERACTIVE = "interactive"
    BULK = "bulk"


@dataclass(frozen=True)
class EmbedLimits:
    """Limits that the embedding service has in force.

    Attributes:
        max_images: images in one `embed`.
        max_image_bytes: bytes of one encoded image.
        max_pixels: pixels (width × height) of one image.
        max_message_bytes: bytes of one message.
        max_queue: images that wait at one time in the service; 0 from a server that does not say.
        max_models: encoders loaded at one time; 0 from a service that does not say.
    """

    max_images: int
    max_image_bytes: int
    max_pixels: int
    max_message_bytes: int
    max_queue: int
    max_models: int = 0


@dataclass(frozen=True)
class Model:
    """One encoder that is served, and the limits of its service.

    Attributes:
        encoder_digest: 64 hex digits over the model and its preprocessing; vectors of different digests
            must never be mixed in one dataset.
        name: its name, for people.
        dimension: length of every vector.
        preprocessing_json: the preprocessing, as canonical JSON.
        provider: the ONNX Runtime execution provider in use, e.g. "CPUExecutionProvider".
        limits: limits in force.
    """

    encoder_digest: str
    name: str
    dimension: int
    preprocessing_json: str
    provider: str
    limits: EmbedLimits


@dataclass(frozen=True)
class LoadedModel:
    """One of the encoders that are served side by side.

    Attributes:
        encoder_digest: as in `Model`, like the four that follow.
        name: its name, for people.
        dimension: length of every vector.
        preprocessing_json: the preprocessing, as canonical JSON.
        provider: the ONNX Runtime execution provider in use.
        file: name of the file it was loaded from, without its folder.
        is_default: whether it answers whoever names no encoder.
        ready: False while its inference fails.
    """

    encoder_digest: str
    name: str
    dimension: int
    preprocessing_json: str
    provider: str
    file: str
    is_default: bool
    ready: bool


@dataclass(frozen=True)
class Models:
    """The encoders of an embedding service.

    Attributes:
        loaded: those that are served, in the order of loading.
        files: names of the files in the service's encoder folder, which `load_model` takes.
    """

    loaded: tuple[LoadedModel, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Timing:
    """Where the time of one call (or one streamed image) went, in seconds.

    Attributes:
        queue: from arrival until its batch went to the encoder, decoding not included.
        decode: decoding and preprocessing.
        inference: the encoder's run of the batch it was in; zero when the vector was cached.
    """

    queue: float
    decode: float
    inference: float


@dataclass(frozen=True)
class ImageError:
    """Why one image has no vector. The others of its batch are not affected.

    Attributes:
        reason: one of the service's "per image" reasons, e.g. "IMAGE_CORRUPT", or "UNREADABLE" when the
            client could not read the file.
        message: a sentence for people.
        metadata: values of the keys that the reason documents.
    """

    reason: str
    message: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Embeddings:
    """The vectors of a few images, in their order.

    Attributes:
        vectors: float32 (images, dimension), rows of unit length; zeros where there is an error.
        errors: for each image None, or why it was refused.
        content_sha256: for each image the SHA-256 of its bytes (32 bytes), for `GraphClient.add_samples`.
        encoder_digest: the encoder that made the vectors.
        timing: where the time went.
        cached: for each image whether its vector was kept from an earlier call; empty when nobody says.
    """

    vectors: npt.NDArray[np.float32]
    errors: tuple[ImageError | None, ...]
    content_sha256: tuple[bytes, ...]
    encoder_digest: str
    timing: Timing
    cached: tuple[bool, ...] = ()


@dataclass(frozen=True, eq=False)
class Embedded(Generic[Key]):
    """The outcome of one image of many.

    Attributes:
        key: the caller's name for the image.
        vector: float32 (dimension,), of unit length; None when there is an error.
        error: why there is no vector, or None.
        content_sha256: SHA-256 of the image's bytes (32 bytes); empty when it was never sent.
        encoder_digest: the encoder that made the vector; empty when the image was never sent.
        timing: where the time went; None when the image was never sent.
        cached: the vector was kept from an earlier call.
    """

    key: Key
    vector: npt.NDArray[np.float32] | None
    error: ImageError | None
    content_sha256: bytes
    encoder_digest: str
    timing: Timing | None
    cached: bool = False
