"""What the embedding service's methods return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["EmbedLimits", "Embedded", "Embeddings", "ImageError", "Model", "Timing"]

Key = TypeVar("Key")


@dataclass(frozen=True)
class EmbedLimits:
    """Limits that the embedding service has in force.

    Attributes:
        max_images: images in one `embed`.
        max_image_bytes: bytes of one encoded image.
        max_pixels: pixels (width × height) of one image.
        max_message_bytes: bytes of one message.
        max_queue: images that wait at one time in the service.
    """

    max_images: int
    max_image_bytes: int
    max_pixels: int
    max_message_bytes: int
    max_queue: int


@dataclass(frozen=True)
class Model:
    """The encoder that is served.

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
class Timing:
    """Where the time of one call (or one streamed image) went, in seconds.

    Attributes:
        queue: from arrival until its batch went to the encoder, decoding not included.
        decode: decoding and preprocessing.
        inference: the encoder's run of the batch it was in.
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
    """

    vectors: npt.NDArray[np.float32]
    errors: tuple[ImageError | None, ...]
    content_sha256: tuple[bytes, ...]
    encoder_digest: str
    timing: Timing


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
    """

    key: Key
    vector: npt.NDArray[np.float32] | None
    error: ImageError | None
    content_sha256: bytes
    encoder_digest: str
    timing: Timing | None
