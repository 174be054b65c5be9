"""Images inside their URL (RFC 2397)."""

from __future__ import annotations

import binascii
from urllib.parse import unquote_to_bytes

from vicinal_label_studio.fetch.errors import FetchFailed, TooLarge

__all__ = ["decode", "is_inline"]

_SHOWN = "data:…"


def is_inline(url: str) -> bool:
    """Whether `url` is a data: URL."""
    return url[:5].lower() == "data:"


def decode(url: str, max_bytes: int) -> bytes:
    """Return what a data: URL holds.

    Raises:
        TooLarge: it is longer than `max_bytes`; seen by its length, before it is decoded.
        FetchFailed: it is malformed.
    """
    header, comma, data = url[5:].partition(",")
    if not comma:
        raise FetchFailed(_SHOWN, "a data: URL without a comma")
    in_base64 = header.lower().endswith(";base64")
    # At least three characters of base64 are needed for two bytes; percent-encoding shortens threefold.
    if len(data) > (max_bytes + 2) // 3 * 4 if in_base64 else len(data) > 3 * max_bytes:
        raise TooLarge(_SHOWN, f"more than {max_bytes:,} bytes")
    try:
        body = binascii.a2b_base64(data, strict_mode=True) if in_base64 else unquote_to_bytes(data)
    except (binascii.Error, ValueError):
        raise FetchFailed(_SHOWN, "not base64") from None
    if len(body) > max_bytes:
        raise TooLarge(_SHOWN, f"more than {max_bytes:,} bytes")
    return body
