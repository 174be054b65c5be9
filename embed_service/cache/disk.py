"""Vectors in a folder on disk: they outlast the process, and several services may share them."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import threading
from pathlib import Path

import numpy as np

from embed_service.cache.base import Vector
from embed_service.cache.file import DamagedFileError, VectorFile
from embed_service.cache.pending import Batch, Pending
from embed_service.cache.tenancy import Tenancy

__all__ = ["LEAST_BYTES", "DiskCache"]

logger = logging.getLogger(__name__)

LEAST_BYTES = 1024 * 1024
"""A smaller bound is not worth a file."""

_NAME = "vectors.db"
_COMPANIONS = ("", "-wal", "-shm")
_LINGER = 0.2
"""Seconds for writes to gather: what a killed process may lose."""
_PENDING_BYTES = 32 * 1024 * 1024
"""Of vectors not yet written; more are dropped, so a slow disk costs hits and never memory or time."""


class DiskCache:
    """Keeps vectors in a folder; one thread writes them there, in batches.

    `get` costs tens of microseconds and `put` a few: neither waits for a write. A file that is damaged or not
    ours is moved aside, to `vectors.db.damaged` beside it, and a new one begun; while another service has it
    open it is left alone and this one does without a cache. Both are logged.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Open the cache in `folder`, which is made when missing, and start the thread.

        Args:
            folder: holds nothing else; on a local disk.
            limit: most bytes of the file in it, at least `LEAST_BYTES`.

        Raises:
            OSError: the folder or the file in it cannot be used.
        """
        self._folder = folder
        self._limit = limit
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tenancy = Tenancy(folder)
        self._damaged = False
        self._closing = threading.Event()
        self._reading = threading.Lock()
        try:
            self._file = self._opened()
        except (DamagedFileError, sqlite3.Error) as error:
            raise OSError(f"the cache in {folder} cannot be used: {error}") from error
        self._pending = Pending(_PENDING_BYTES, clock=0 if self._file is None else self._file.newest)
        self._pending.wake()  # a bound smaller than last time is kept from the start
        self._thread = threading.Thread(target=self._work, name="cache", daemon=True)
        self._thread.start()

    def get(self, digest: str, content_sha256: bytes) -> Vector | None:
        """See `VectorCache`."""
        key = _key(digest, content_sha256)
        data = self._pending.get(key) or self._read(key)
        if data is None:
            return None
        self._pending.touch(key)
        return np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)

    def put(self, digest: str, content_sha256: bytes, vector: Vector) -> None:
        """See `VectorCache`."""
        if self._file is not None:
            self._pending.put(_key(digest, content_sha256), vector.astype("<f4", copy=False).tobytes())

    def close(self) -> None:
        """See `VectorCache`; writes what is pending first."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._pending.wake()
        self._thread.join()
        with self._reading:
            if self._file is not None:
                self._file.close()
                self._file = None
        self._tenancy.leave()

    def _read(self, key: bytes) -> bytes | None:
        with self._reading:
            if self._file is None or self._damaged:
                return None
            try:
                return self._file.read(key)
            except DamagedFileError:
                self._damaged = True
                self._pending.wake()
            except sqlite3.Error as error:
                logger.warning("the cache could not be read: %s", error)
            return None

    def _work(self) -> None:
        """Write what is pending, in batches, until the cache is closed."""
        closing = False
        while not closing:
            self._pending.wait()
            closing = self._closing.wait(_LINGER)
            self._write(self._pending.take())
            self._pending.written()
            if self._damaged:
                self._begin_anew()

    def _write(self, batch: Batch) -> None:
        if self._file is None or self._damaged:
            return
        try:
            self._file.write(batch)
        except DamagedFileError:
            self._damaged = True
        except sqlite3.Error as error:
            logger.warning("%d uses were not noted in the cache: %s", len(batch), error)

    def _begin_anew(self) -> None:
        with self._reading:
            if self._file is not None:
                self._file.close()
            try:
                self._file = self._opened(damaged=True)
            except (DamagedFileError, OSError, sqlite3.Error) as error:
                logger.warning("the cache in %s is off: %s", self._folder, error)
                self._file = None
                self._tenancy.leave()
            self._damaged = False

    def _opened(self, *, damaged: bool = False) -> VectorFile | None:
        """Return the file, a new one where there is none fit for use, or None while others have it open.

        Args:
            damaged: what is there is known to be unfit.
        """
        path = self._folder / _NAME
        alone = self._tenancy.alone()
        if not alone:
            self._tenancy.share()
        file = None if damaged else _file(path, self._limit)
        if file is None and alone:
            logger.warning("%s is damaged or not ours: moved to %s.damaged, and a new one begun", path, path)
            for companion in _COMPANIONS:
                _move(Path(f"{path}{companion}"), Path(f"{path}.damaged{companion}"))
            file = VectorFile(path, self._limit)
        if file is None:
            logger.warning("%s is damaged and in use by another service: this one has no cache", path)
            self._tenancy.leave()
        else:
            self._tenancy.share()
        return file


def _key(digest: str, content_sha256: bytes) -> bytes:
    """Return 32 bytes for this content under this encoder."""
    return hashlib.sha256(digest.encode() + content_sha256).digest()


def _file(path: Path, limit: int) -> VectorFile | None:
    """Return the file at `path`, or None if it is not fit for use."""
    try:
        return VectorFile(path, limit)
    except DamagedFileError:
        return None


def _move(path: Path, target: Path) -> None:
    if path.exists():
        path.replace(target)
    else:
        target.unlink(missing_ok=True)
