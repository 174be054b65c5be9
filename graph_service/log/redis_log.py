"""One dataset's log: a stream whose entry ids are the revisions, `1-0`, `2-0`, `3-0`, ..."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from graph_service.events import Event, as_asked
from graph_service.log import codec
from graph_service.log.base import Entry, Receipt, Write
from graph_service.log.connection import RETRY_AFTER, reported, script
from vicinal.wire.errors import Aborted, DataLoss, InvalidArgument, ServiceError, Unavailable

__all__ = ["REMEMBERED", "Keys", "RedisLog", "damaged", "digest", "find"]

REMEMBERED = 7 * 24 * 3600
"""Seconds for which a request id is remembered."""
_DIGEST_BYTES = 16
_PAGE_BYTES = 4 << 20
_PAGE_ENTRIES = 1000
_APPENDED, _KNOWN, _REUSED = range(3)


@dataclass(frozen=True)
class Keys:
    """Where the log of the dataset with this uid lies. The braces keep a dataset's keys in one hash slot."""

    uid: str

    @property
    def log(self) -> str:
        """The stream."""
        return f"vicinal:{{{self.uid}}}:log"

    @property
    def epoch(self) -> str:
        """The number of the writer that may append."""
        return f"vicinal:{{{self.uid}}}:epoch"

    def request(self, request_id: str) -> str:
        """What a request id was used for: the event's digest (16 bytes), then its revision (decimal)."""
        return f"vicinal:{{{self.uid}}}:request:{request_id}"


class RedisLog:
    """A `DatasetLog` on a stream, open for the writer of one epoch. It has no state to guard.

    Args:
        client: a connection without retries of its own.
        name: the dataset's name.
        keys: where its log lies.
        epoch: the number that this writer took when it opened the log.
    """

    def __init__(self, client: redis.Redis, name: str, keys: Keys, epoch: int) -> None:
        self._client = client
        self._name = name
        self._keys = keys
        self._epoch = epoch
        self._append = script(client, "append")
        self._read = script(client, "read")
        self._delete = script(client, "delete")

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self._name

    @property
    def uid(self) -> str:
        """What tells this dataset from others; see `DatasetLog.uid`."""
        return self._keys.uid

    def append(self, writes: Sequence[Write], *, after: int | None = None) -> list[Receipt | ServiceError]:
        """Append `writes`; see `DatasetLog.append`."""
        if not writes:
            return []
        keys = [self._keys.log, self._keys.epoch, *(self._keys.request(write.request_id) for write in writes)]
        arguments: list[Any] = [self._epoch, "" if after is None else after, REMEMBERED]
        for write in writes:
            event = codec.encode(write.event)
            arguments += [write.request_id, digest(write.event, event), event]
        status, *rest = self._run_append(keys, arguments)
        if status == b"FENCED":
            raise self._fenced()
        if status == b"MOVED":
            message = f"dataset {self._name!r} is at revision {rest[0]}, not {after}; nothing was appended"
            raise Unavailable("LOG_UNAVAILABLE", message, retry_after=RETRY_AFTER)
        pairs = zip(rest[::2], rest[1::2], strict=True)
        return [
            _reused(write) if outcome == _REUSED else Receipt(revision, outcome == _KNOWN)
            for write, (revision, outcome) in zip(writes, pairs, strict=True)
        ]

    def read(self, after: int) -> Iterator[Entry]:
        """Yield the entries above `after`; see `DatasetLog.read`."""
        while page := self._page(after):
            for entry_id, fields in page:
                after += 1
                yield self._entry(after, entry_id, fields)

    def find(self, write: Write) -> Receipt | None:
        """Return the first receipt of `write`, if any; see `DatasetLog.find`."""
        return find(self._client, self._keys, write)

    def head(self) -> int:
        """Return the newest revision; see `DatasetLog.head`."""
        with reported():
            return int(self._client.xlen(self._keys.log))

    def delete(self, catalogue: str) -> bool:
        """Take the dataset off the hash `catalogue`, and its log away; False when its name is not there.

        Raises:
            Aborted: FENCED, another writer has opened this log, or the name stands for another dataset.
        """
        with reported():
            keys = [catalogue, self._keys.log, self._keys.epoch]
            answer: Any = self._delete(keys=keys, args=[self._name, self.uid, self._epoch])
        if answer == b"FENCED":
            raise self._fenced()
        return bool(answer == b"DELETED")

    def _fenced(self) -> Aborted:
        message = f"another service has opened dataset {self._name!r}, or deleted it; this one writes no more"
        return Aborted("FENCED", message)

    def _run_append(self, keys: list[str], arguments: list[Any]) -> list[Any]:
        with reported():
            try:
                answer: list[Any] = self._append(keys=keys, args=arguments)
            except redis.ResponseError as error:
                if "equal or smaller" not in str(error):
                    raise
                why = "there are fewer entries than the last one's revision"
                raise damaged(self._name, self.head() + 1, why) from error
        return answer

    def _page(self, after: int) -> list[Any]:
        with reported():
            page: list[Any] = self._read(keys=[self._keys.log], args=[after, _PAGE_BYTES, _PAGE_ENTRIES])
        return page

    def _entry(self, revision: int, entry_id: bytes, fields: list[bytes]) -> Entry:
        if entry_id != b"%d-0" % revision:
            raise damaged(self._name, revision, f"entry {entry_id.decode()} stands in its place")
        try:
            _, request_id, _, event = fields
            return Entry(revision, request_id.decode(), codec.decode(event))
        except ValueError as error:
            raise damaged(self._name, revision, str(error)) from error


def digest(event: Event, encoded: bytes) -> bytes:
    """Return what tells one request's event from another's, 16 bytes."""
    asked = as_asked(event)
    told = encoded if asked is event else codec.encode(asked)
    return hashlib.blake2b(told, digest_size=_DIGEST_BYTES).digest()


def find(client: redis.Redis, keys: Keys, write: Write) -> Receipt | None:
    """Return the receipt that `write` got in the log at `keys`; see `DatasetLog.find`."""
    with reported():
        known: Any = client.get(keys.request(write.request_id))
    if known is None:
        return None
    if known[:_DIGEST_BYTES] != digest(write.event, codec.encode(write.event)):
        raise _reused(write)
    return Receipt(int(known[_DIGEST_BYTES:]), repeated=True)


def damaged(name: str, revision: int, why: str) -> DataLoss:
    """Return the refusal to go on with a log whose entry `revision` is not as it was written."""
    return DataLoss("LOG_DAMAGED", f"the log of dataset {name!r} is damaged at revision {revision}: {why}")


def _reused(write: Write) -> InvalidArgument:
    message = f"request_id {write.request_id!r} was used before for a different request"
    return InvalidArgument("REQUEST_ID_REUSED", message, field="request_id", value=write.request_id)
