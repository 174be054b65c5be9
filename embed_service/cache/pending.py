"""What a cache has been told and has not yet written."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

__all__ = ["Batch", "Pending"]

Batch = Mapping[bytes, tuple[int, bytes | None]]
"""Key → when it was used, ever larger numbers, and what it holds if that is to be written."""


class Pending:
    """Uses and writes that gather until one thread takes them; safe to call from many. O(1) a call.

    What was taken can still be got until it is `written`, so that nothing is out of sight on its way.
    """

    def __init__(self, limit: int, clock: int) -> None:
        """Hold at most `limit` bytes of data and drop what is more; number uses from above `clock`."""
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._gathering: dict[bytes, tuple[int, bytes | None]] = {}
        self._bytes = 0
        self._taken: Batch = {}
        self._some = threading.Event()

    def get(self, key: bytes) -> bytes | None:
        """Return what `key` is to hold, or None where nothing is to be written."""
        with self._lock:
            for batch in (self._gathering, self._taken):
                if (data := batch.get(key, (0, None))[1]) is not None:
                    return data
            return None

    def put(self, key: bytes, data: bytes) -> None:
        """Have `data` written under `key`."""
        with self._lock:
            if self._bytes + len(data) <= self._limit:
                self._note(key, data)

    def touch(self, key: bytes) -> None:
        """Have it written that `key` was used."""
        with self._lock:
            self._note(key, self._gathering.get(key, (0, None))[1])

    def wait(self) -> None:
        """Return when there is something to take, or `wake` was called since the last `take`."""
        self._some.wait()

    def wake(self) -> None:
        """Let `wait` return."""
        self._some.set()

    def take(self) -> Batch:
        """Return what has gathered and begin anew."""
        with self._lock:
            self._some.clear()
            self._taken, self._gathering, self._bytes = self._gathering, {}, 0
            return self._taken

    def written(self) -> None:
        """Forget what was taken."""
        with self._lock:
            self._taken = {}

    def _note(self, key: bytes, data: bytes | None) -> None:
        # Later than any use before, whatever is done to the machine's clock.
        self._clock = max(self._clock + 1, time.time_ns())
        before = self._gathering.get(key, (0, None))[1]
        self._gathering[key] = (self._clock, data)
        self._bytes += len(data or b"") - len(before or b"")
        self._some.set()
