"""Vectors in this process's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict

from embed_service.cache.base import Vector

__all__ = ["MemoryCache"]

_OVERHEAD = 512
"""Bytes of memory that an entry takes beside its vector's: two keys, an array's header, a dict's slot."""


class MemoryCache:
    """Keeps vectors in memory until the process ends; with a bound of 0 it keeps none. O(1) a call."""

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes, what is spent around each vector included."""
        self._limit = limit
        self._entries: OrderedDict[tuple[str, bytes], Vector] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, digest: str, content_sha256: bytes) -> Vector | None:
        """See `VectorCache`."""
        key = (digest, content_sha256)
        with self._lock:
            vector = self._entries.get(key)
            if vector is not None:
                self._entries.move_to_end(key)
            return vector

    def put(self, digest: str, content_sha256: bytes, vector: Vector) -> None:
        """See `VectorCache`."""
        kept = vector.copy()
        kept.flags.writeable = False
        if _size(kept) > self._limit:
            return
        with self._lock:
            before = self._entries.pop((digest, content_sha256), None)
            self._entries[digest, content_sha256] = kept
            self._bytes += _size(kept) - (0 if before is None else _size(before))
            while self._bytes > self._limit:
                self._bytes -= _size(self._entries.popitem(last=False)[1])

    def close(self) -> None:
        """See `VectorCache`."""
        with self._lock:
            self._limit = self._bytes = 0
            self._entries.clear()


def _size(vector: Vector) -> int:
    return vector.nbytes + _OVERHEAD
