"""What the service bears; the same numbers go to callers in `GetModel`."""

from __future__ import annotations

from dataclasses import dataclass, fields

from PIL import Image

__all__ = ["Limits"]

# `max_pixels` is checked on every image; Pillow's own limit would refuse what ours was raised to allow.
Image.MAX_IMAGE_PIXELS = None

_ENVELOPE = 4096
"""Bytes a message may need around its one image."""

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Limits in force; all are at least 1.

    Attributes:
        max_images: images in one Embed call.
        max_image_bytes: bytes of one encoded image.
        max_pixels: width × height of one image.
        max_message_bytes: bytes of one gRPC message.
        max_queue: images inside the service at one time.
        max_queue_bytes: encoded bytes of those images; each call and stream may hold one message beside them.
        max_models: encoders in memory at one time.

    Raises:
        ValueError: a limit is below 1, or two of them cannot be kept together.
    """

    max_images: int = 64
    max_image_bytes: int = 16 * _MIB
    max_pixels: int = 50_000_000
    max_message_bytes: int = 32 * _MIB
    max_queue: int = 256
    max_queue_bytes: int = 256 * _MIB
    max_models: int = 4

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}, must be at least 1")
        if self.max_images > self.max_queue:
            raise ValueError(f"max_images {self.max_images} could never fit a queue of {self.max_queue}")
        if self.max_image_bytes + _ENVELOPE > self.max_message_bytes:
            raise ValueError(
                f"max_message_bytes {self.max_message_bytes} must exceed max_image_bytes "
                f"{self.max_image_bytes} by {_ENVELOPE}, or the largest image could not be sent"
            )
        if self.max_message_bytes > self.max_queue_bytes:
            raise ValueError(
                f"max_queue_bytes {self.max_queue_bytes} must hold one message of {self.max_message_bytes}"
            )
