"""Whose turn it is when there is more work than one batch takes."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from enum import Enum, auto
from itertools import chain
from typing import Generic, TypeVar

__all__ = ["BULK_SHARE", "Priority", "Turns"]

Item = TypeVar("Item")

BULK_SHARE = 8
"""While interactive and bulk items both wait, one place in so many is for bulk."""


class Priority(Enum):
    """Who waits for the answer."""

    INTERACTIVE = auto()
    """Somebody does."""
    BULK = auto()
    """The whole has to be done, no single item is urgent."""


class Turns(Generic[Item]):
    """Items that wait, interactive ones first, without starving the others.

    Each kind is served in the order of its arrival. Bulk items get what interactive ones leave, and while
    they wait a place is saved up for them with every `BULK_SHARE` that are given out: of n places given out
    while bulk items wait they get at least ⌊n / BULK_SHARE⌋. Putting and taking cost O(1) an item.
    """

    def __init__(self) -> None:
        self._interactive: deque[Item] = deque()
        self._bulk: deque[Item] = deque()
        self._saved = 0  # in parts of a place, BULK_SHARE to one

    def __len__(self) -> int:
        return len(self._interactive) + len(self._bulk)

    def put(self, item: Item, priority: Priority) -> None:
        """Let `item` wait."""
        self._queue(priority).append(item)

    def remove(self, item: Item, priority: Priority) -> None:
        """Let `item`, which was put with this priority, wait no longer, if it still does. O(n)."""
        with suppress(ValueError):
            self._queue(priority).remove(item)

    def take(self, most: int) -> list[Item]:
        """Return the up to `most` items whose turn it is, interactive ones first; they wait no longer."""
        places = min(most, len(self))
        if self._bulk:
            self._saved += places
        bulk = min(len(self._bulk), max(self._saved // BULK_SHARE, places - len(self._interactive)))
        self._saved = max(self._saved - BULK_SHARE * bulk, 0) if len(self._bulk) > bulk else 0
        interactive = (self._interactive.popleft() for _ in range(places - bulk))
        return list(chain(interactive, [self._bulk.popleft() for _ in range(bulk)]))

    def _queue(self, priority: Priority) -> deque[Item]:
        return self._bulk if priority is Priority.BULK else self._interactive
