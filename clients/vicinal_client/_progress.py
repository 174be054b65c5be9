"""How bulk methods tell how far they are."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress"]


class Progress(Protocol):
    """Called as `progress(done, total)` after each step of a bulk method, on the thread that called it.

    `done` counts the items that are finished: written durably, read or answered. `total` is 0 when it
    is not known. An exception raised here ends the bulk method.
    """

    def __call__(self, done: int, total: int, /) -> None:
        """Take note that `done` of `total` items are finished."""
