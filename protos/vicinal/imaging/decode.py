"""Encoded bytes → an upright RGB picture; limits are checked on the header, before any pixel is made."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Protocol

import numpy as np
from PIL import Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from vicinal.imaging.refusals import ImageCorrupt, ImageTooLarge, TooManyPixels, UnsupportedFormat
from vicinal.imaging.webp import webp_size

__all__ = ["MAX_SIDE", "ImageLimits", "decode"]

MAX_SIDE = 65_535
"""Most pixels of one side (all that a JPEG can say): resizing takes memory in proportion to the longer."""

# Not by way of `Image.open`, whose own limit on pixels warns, or refuses what ours was raised to allow.
_FORMATS: dict[str, Callable[[BytesIO], ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "GIF": GifImageFile,
    "WEBP": WebPImageFile,
}

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class ImageLimits(Protocol):
    """What one image may measure."""

    @property
    def max_image_bytes(self) -> int:
        """Bytes of the encoded image."""
        ...

    @property
    def max_pixels(self) -> int:
        """Width × height."""
        ...


def decode(data: bytes, limits: ImageLimits) -> Image.Image:
    """Return the picture in `data`: the first frame, upright, mode "RGB".

    EXIF rotation is applied. Transparent parts are laid over white. 16-bit grey is scaled to 8 bits; CMYK
    and palettes are converted. Colour profiles are ignored. Takes about 16 bytes of memory a pixel at most.

    Raises:
        ImageTooLarge: more than `limits.max_image_bytes` bytes.
        UnsupportedFormat: not JPEG, PNG, WebP or GIF by its first bytes.
        TooManyPixels: the header declares more than `limits.max_pixels`, or a side over `MAX_SIDE`.
        ImageCorrupt: the data is damaged or cut short.
    """
    if len(data) > limits.max_image_bytes:
        raise ImageTooLarge(
            f"the image has {len(data)} bytes, at most {limits.max_image_bytes} are allowed",
            limit=limits.max_image_bytes,
            value=len(data),
        )
    name = _format(data)
    if name == "WEBP":
        _check_size(webp_size(data) or (0, 0), limits)
    try:
        image = _FORMATS[name](BytesIO(data))
    except Exception as error:  # damaged data makes Pillow raise almost anything
        raise _corrupt(name, error) from error
    with image:
        _check_size(image.size, limits)
        try:
            image.load()
            return _rgb(_upright(image))
        except Exception as error:
            raise _corrupt(name, error) from error


def _format(data: bytes) -> str:
    """Return the format that the first bytes promise."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    what = "the image is empty" if not data else f"the image begins with {data[:8]!r}"
    raise UnsupportedFormat(f"{what}; JPEG, PNG, WebP and GIF are understood")


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    declared = f"the image's header declares {width} × {height} pixels"
    if width * height > limits.max_pixels:
        message = f"{declared}, at most {limits.max_pixels} are allowed"
        raise TooManyPixels(message, limit=limits.max_pixels, value=width * height)
    if max(size) > MAX_SIDE:
        message = f"{declared}, a side may have at most {MAX_SIDE}"
        raise TooManyPixels(message, limit=MAX_SIDE, value=max(size))
    if min(size) < 1:
        raise ImageCorrupt("the image's header is damaged or cut short")


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # damaged EXIF: the picture itself is whole
        return image
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_GREY:
        # Pillow's own conversion cuts at 255 instead of scaling.
        grey = np.clip(np.asarray(image), 0, 65_535) // 257
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(layer, mask=layer)
        return white
    return image.convert("RGB")


def _corrupt(name: str, error: Exception) -> ImageCorrupt:
    return ImageCorrupt(f"the {name} image is damaged or cut short: {error}")
