"""What can be wrong with a FiftyOne dataset."""

from __future__ import annotations

from vicinal_client import VicinalError

__all__ = ["FiftyOneError"]


class FiftyOneError(VicinalError):
    """The FiftyOne dataset is not as the call needs it; the message says what is missing."""
