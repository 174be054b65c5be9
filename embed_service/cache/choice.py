"""Which cache the service gets."""

from __future__ import annotations

from pathlib import Path

from embed_service.cache.base import VectorCache
from embed_service.cache.disk import LEAST_BYTES, DiskCache
from embed_service.cache.memory import MemoryCache

__all__ = ["open_cache"]

_MIB = 1024 * 1024
_IN_MEMORY = 64 * _MIB
_ON_DISK = 2048 * _MIB


def open_cache(folder: Path | None, limit: int | None) -> VectorCache:
    """Return the cache that the flags ask for; with a limit of 0 one that keeps nothing.

    Without a folder vectors are kept in memory, in 64 MiB (30,000 vectors of 384 numbers): enough for the
    pictures that an annotator's screen asks for again and again, small beside an encoder. Nothing is written
    to disk unless a place for it is named: a service must not leave files where nobody expects them, nor
    fail to start where it may write none.

    Args:
        folder: where to keep vectors across restarts, or None.
        limit: most bytes; None takes 64 MiB in memory and 2 GiB on disk (1.2 million such vectors).

    Raises:
        ValueError: the limit is too small for a file.
        OSError: the folder cannot be used.
    """
    if folder is None or limit == 0:
        return MemoryCache(_IN_MEMORY if limit is None else limit)
    if limit is not None and limit < LEAST_BYTES:
        raise ValueError(f"a cache on disk needs at least {LEAST_BYTES} bytes, not {limit}; 0 turns it off")
    return DiskCache(folder, _ON_DISK if limit is None else limit)
