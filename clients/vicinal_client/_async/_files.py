"""Images as callers give them → their bytes, within the service's limit."""

from __future__ import annotations

from pathlib import Path

from vicinal_client._async._backend import read_bytes
from vicinal_client._embed_types import ImageError

__all__ = ["image_content"]


async def image_content(image: bytes | Path, limit: int) -> bytes | ImageError:
    """Return the image's bytes, or why they must not be sent: an over-long message would end the call."""
    try:
        size = image.stat().st_size if isinstance(image, Path) else len(image)
        if size > limit:
            message = f"the image has {size} bytes, at most {limit} are allowed"
            return ImageError(
                "IMAGE_TOO_LARGE", message, {"field": "image", "limit": str(limit), "value": str(size)}
            )
        return await read_bytes(image) if isinstance(image, Path) else image
    except OSError as error:
        return ImageError("UNREADABLE", f"the file cannot be read: {error}", {"field": "image"})
