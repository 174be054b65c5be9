"""The size that a WebP header declares, read without decoding.

Pillow makes WebP's decoder, and with it the canvas in memory, when it opens a file; so the limit has to be
checked on the header before. Layout: RFC 9649, sections 2.5 to 2.7 (and RFC 6386, section 9.1, for VP8).
"""

from __future__ import annotations

__all__ = ["webp_size"]

_VP8_START = b"\x9d\x01\x2a"
_VP8L_SIGNATURE = 0x2F


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) in pixels as declared, or None when the header is cut short or damaged."""
    chunk = data[12:16]
    if chunk == b"VP8L" and len(data) >= 25 and data[20] == _VP8L_SIGNATURE:
        bits = _little(data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(data) < 30:
        return None
    if chunk == b"VP8X":
        return _little(data[24:27]) + 1, _little(data[27:30]) + 1
    if chunk == b"VP8 " and data[23:26] == _VP8_START:
        return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
    return None


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
