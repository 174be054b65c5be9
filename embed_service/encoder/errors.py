"""What is wrong with an encoder."""

from __future__ import annotations

__all__ = ["EncoderError"]


class EncoderError(Exception):
    """The encoder cannot be served as it is; the message says why and what to do."""
