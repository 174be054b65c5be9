"""Pictures inside a page."""

from __future__ import annotations

import base64
import io
from functools import cache
from html import escape
from pathlib import Path

from PIL import Image, ImageOps

__all__ = ["figure", "picture"]

_SIDE = 160
"""Longest side of a thumbnail, in pixels."""
_TINY = 64
"""Pictures narrower than this keep their pixels visible."""
_AS_IT_IS = 8192
"""Bytes of a file that is put into the page unchanged."""


def picture(path: Path, title: str) -> str:
    """Return an <img> element that holds the picture itself, small.

    Args:
        path: an image file that could be embedded.
        title: shown when the pointer rests on it.
    """
    uri, tiny = _data_uri(path)
    name = escape(title, quote=True)
    return f'<img src="{uri}" alt="{name}" title="{name}"{" class=tiny" if tiny else ""}>'


def figure(path: Path, title: str, caption: str) -> str:
    """Return a <figure> element: the picture with a line of text below."""
    return f"<figure>{picture(path, title)}<figcaption>{escape(caption)}</figcaption></figure>"


@cache
def _data_uri(path: Path) -> tuple[str, bool]:
    """Return a data: URI of the picture, and whether it is tiny."""
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        kind = Image.MIME[image.format or "PNG"]
        tiny = image.width < _TINY
        if len(content) > _AS_IT_IS:
            small = ImageOps.exif_transpose(image).convert("RGB")
            small.thumbnail((_SIDE, _SIDE))
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", quality=80)
            content, kind = buffer.getvalue(), "image/webp"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}", tiny
