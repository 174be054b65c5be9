"""Decoded images as bytes that the embedding service takes."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps

__all__ = ["png_of"]

_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""Those that PNG carries; how each becomes what the encoder takes is the embedding service's business."""


def png_of(image: Image.Image) -> bytes:
    """Return the pixels as PNG, upright, without metadata.

    CVAT's SDK hands out decoded images. One picture gives the same bytes whenever it is asked for, so its
    content hash tells whether the dataset holds it.
    """
    upright = ImageOps.exif_transpose(image)
    if upright.mode not in _MODES:
        upright = upright.convert("RGB")
    file = BytesIO()
    upright.save(file, "PNG", compress_level=1, exif=b"", icc_profile=None)
    return file.getvalue()
