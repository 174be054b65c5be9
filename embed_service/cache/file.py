"""Vectors in one SQLite file.

    entries  id, key, used     who was used when; small rows, so that noting a use dirties few pages
    vectors  id, checksum, data

The bound is on the file's pages, so it holds for what the disk gives, indices and gaps included. The
write-ahead log beside it takes a few MB more.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from embed_service.cache.pending import Batch

__all__ = ["DamagedFileError", "VectorFile"]

_APPLICATION = 0x7663_6E6C
"""Written to the file's header (PRAGMA application_id): this is a file of ours."""
_VERSION = 1
_SCHEMA = f"""
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    CREATE TABLE entries (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, used INTEGER NOT NULL);
    CREATE INDEX entries_by_use ON entries (used);
    CREATE TABLE vectors (id INTEGER PRIMARY KEY, checksum BLOB NOT NULL, data BLOB NOT NULL);
    PRAGMA application_id = {_APPLICATION};
    PRAGMA user_version = {_VERSION};
    COMMIT;
"""
_PATIENCE = 10.0
"""Seconds that a write waits for another process's."""
_LOG_BYTES = 4 * 1024 * 1024
"""What the write-ahead log is cut back to."""
_DAMAGED = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    # All statements are right for the tables as we made them: these say that the tables are others.
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
)


class DamagedFileError(Exception):
    """The file is not, or no longer, one of ours."""


class VectorFile:
    """Bytes by key, least recently used first out. `read` is for one thread at a time, `write` for another.

    Other processes may have the same file open. Every method raises `DamagedFileError` where SQLite finds the
    file damaged, and `sqlite3.Error` where it could not do the work now (disk full, locked too long).

    Attributes:
        newest: the latest time of use in the file when it was opened, or 0.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Open `path`, or make it if it is missing or empty; O(1).

        Args:
            path: in a folder that exists.
            limit: most bytes of the file.

        Raises:
            DamagedFileError: it is no file of ours.
            sqlite3.Error: it cannot be opened.
        """
        self._limit = limit
        with _damage_told(), closing(_connect(path, _PATIENCE)) as connection:
            if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                connection.executescript(_SCHEMA)
            found = [_pragma(connection, name) for name in ("application_id", "user_version")]
            if found != [_APPLICATION, _VERSION]:
                raise DamagedFileError(f"{path} is not a file of this version of vicinal")
            self.newest: int = connection.execute("SELECT ifnull(max(used), 0) FROM entries").fetchone()[0]
            if not isinstance(self.newest, int):
                raise DamagedFileError(f"{path} holds no times of use")
            self._reader, self._writer = _connect(path, 0), _connect(path, _PATIENCE)

    def read(self, key: bytes) -> bytes | None:
        """Return what was written under `key` (at most 64 bytes), or None. O(log n).

        A row whose checksum does not fit, or which belongs to another key, counts as missing.
        """
        query = "SELECT checksum, data FROM entries JOIN vectors USING (id) WHERE key = ?"
        with _damage_told():
            row = self._reader.execute(query, (key,)).fetchone()
        if row is None:
            return None
        checksum, data = row
        return data if isinstance(data, bytes) and checksum == _checksum(key, data) else None

    def write(self, batch: Batch) -> None:
        """Write the batch, then evict down to the bound.

        A use of a key that is no longer there is passed over. One transaction: all of the batch or nothing.
        O(b log n) for b keys.
        """
        with _damage_told(), self._transaction() as connection:
            connection.executemany(
                "INSERT INTO entries (key, used) VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET used = max(used, excluded.used)",
                ((key, used) for key, (used, data) in batch.items() if data is not None),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO vectors SELECT id, ?, ? FROM entries WHERE key = ?",
                ((_checksum(key, data), data, key) for key, (_, data) in batch.items() if data is not None),
            )
            connection.executemany(
                "UPDATE entries SET used = max(used, ?) WHERE key = ?",
                ((used, key) for key, (used, data) in batch.items() if data is None),
            )
            self._evict()
        with _damage_told():
            self._give_back()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def _evict(self) -> None:
        """Delete what was used least recently until the pages in use fit."""
        oldest = "SELECT id FROM entries ORDER BY used LIMIT ?"
        while (excess := _pragma(self._writer, "page_count") - self._free() - self._most()) > 0:
            # A vector takes at most a few pages: this many never free much more than is to be freed.
            doomed = self._writer.execute(oldest, (1 + excess // 8,)).fetchall()
            if not doomed:
                break
            self._writer.executemany("DELETE FROM vectors WHERE id = ?", doomed)
            self._writer.executemany("DELETE FROM entries WHERE id = ?", doomed)

    def _give_back(self) -> None:
        """Cut the file back to the bound, as far as its pages are free."""
        surplus = _pragma(self._writer, "page_count") - self._most()
        if surplus > 0 and self._free():
            # One step frees one page; of Python's calls only this one takes all the steps.
            self._writer.executescript(f"PRAGMA incremental_vacuum({surplus})")

    def _most(self) -> int:
        """Most pages of the file."""
        return self._limit // _pragma(self._writer, "page_size")

    def _free(self) -> int:
        """Pages of the file that hold nothing."""
        return _pragma(self._writer, "freelist_count")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:  # some errors end it by themselves
                self._writer.execute("ROLLBACK")
            raise


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last writes, never the file
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    return connection


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _checksum(key: bytes, data: bytes) -> bytes:
    """Return 16 bytes that fit no other data and no other key."""
    return hashlib.blake2b(data, key=key, digest_size=16).digest()


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:  # the names in the file are so damaged that Python cannot quote them
        raise DamagedFileError(str(error)) from error
    except sqlite3.Error as error:
        # The low byte is the kind of error, the rest says more about it.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            raise DamagedFileError(str(error)) from error
        raise
