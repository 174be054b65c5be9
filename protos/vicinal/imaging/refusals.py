"""Why one image cannot be embedded. The rest of its batch is not affected.

ImageRefused
├── ImageTooLarge        more bytes than allowed
├── TooManyPixels        its header declares more pixels than allowed
├── UnsupportedFormat    not JPEG, PNG, WebP or GIF
├── ImageCorrupt         damaged or cut short
└── NotEmbeddable        the encoder gave a zero or non-finite vector
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ImageCorrupt",
    "ImageRefused",
    "ImageTooLarge",
    "NotEmbeddable",
    "TooManyPixels",
    "UnsupportedFormat",
]


class ImageRefused(Exception):
    """One image cannot be embedded.

    Attributes:
        reason: name in `vicinal.embed.v1.ErrorReason`, without the prefix `ERROR_REASON_`.
        message: a sentence for people.
        metadata: the keys which that reason documents, but for `field`, which only the call knows.
    """

    reason: ClassVar[str]

    def __init__(self, message: str, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = {key: str(value) for key, value in metadata.items()}


class ImageTooLarge(ImageRefused):
    """It has more bytes than allowed; it was not decoded."""

    reason = "IMAGE_TOO_LARGE"


class TooManyPixels(ImageRefused):
    """Its header declares more pixels than allowed; it was not decoded."""

    reason = "TOO_MANY_PIXELS"


class UnsupportedFormat(ImageRefused):
    """It is not JPEG, PNG, WebP or GIF."""

    reason = "UNSUPPORTED_FORMAT"


class ImageCorrupt(ImageRefused):
    """Its format is known but the data is damaged or cut short."""

    reason = "IMAGE_CORRUPT"


class NotEmbeddable(ImageRefused):
    """The encoder gave a zero or non-finite vector for it."""

    reason = "NOT_EMBEDDABLE"
