"""All datasets' logs on one Redis (7 or newer) or Valkey server."""

from __future__ import annotations

import secrets
from threading import RLock
from typing import Any

import redis

from graph_service.events import DatasetCreated
from graph_service.log import codec, settings
from graph_service.log.base import Receipt, Write
from graph_service.log.connection import connect, reported, script
from graph_service.log.redis_log import REMEMBERED, Keys, RedisLog, damaged, digest, find
from vicinal.wire.errors import AlreadyExists, NotFound

__all__ = ["RedisStore"]

_CATALOGUE = "vicinal:datasets"
"""Hash of dataset name -> uid. A name used again gets a new uid: nothing of the old dataset clings to it."""
_FIRST_EPOCH = 1


class RedisStore:
    """A `Store` on one server.

    Args:
        client: a connection without retries of its own, to a server that keeps what it acknowledges.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._create, self._open = script(client, "create"), script(client, "open")
        # Guards _held, and keeps two repeats of one create from fencing each other off.
        self._lock = RLock()
        self._held: dict[str, RedisLog] = {}  # by name, as opened last

    @classmethod
    def connect(cls, url: str, *, timeout: float = 5.0, allow_cache_only: bool = False) -> RedisStore:
        """Return the store at `url`, once it is sure that the server keeps what it acknowledges.

        Args:
            url: redis://, rediss:// or unix://.
            timeout: seconds that one send or receive may take.
            allow_cache_only: accept, with a warning, a server that may lose what it acknowledged.

        Raises:
            UnsuitableServer: the server is too old, a cluster, or (unless allowed) may lose writes.
            Unavailable: LOG_UNAVAILABLE, it does not answer.
            ValueError: `url` has another scheme.
        """
        client = connect(url, timeout)
        try:
            settings.check(client, allow_cache_only=allow_cache_only)
        except BaseException:
            client.close()
            raise
        return cls(client)

    def names(self) -> list[str]:
        """Return the names of all datasets, in order."""
        with reported():
            names: Any = self._client.hkeys(_CATALOGUE)
        return sorted(name.decode() for name in names)

    def create(self, write: Write) -> tuple[Receipt, RedisLog]:
        """Make a dataset; see `Store.create`."""
        if not isinstance(write.event, DatasetCreated):
            raise TypeError(f"a dataset begins with DatasetCreated, not {type(write.event).__name__}")
        name = write.event.name
        with self._lock:
            while (uid := self._uid(name)) is None:
                if log := self._make(name, write):
                    return Receipt(1, repeated=False), log
            receipt = find(self._client, Keys(uid), write)
            if receipt is None:
                raise AlreadyExists("DATASET_EXISTS", f"dataset {name!r} exists", field="name", value=name)
            held = self._held.get(name)
            return receipt, held if held and held.uid == uid else self.open(name)

    def open(self, name: str) -> RedisLog:
        """Open a dataset's log for writing; see `Store.open`."""
        with self._lock:
            uid = self._known_uid(name)
            keys = Keys(uid)
            with reported():
                epoch = int(self._open(keys=[keys.log, keys.epoch]))
            if not epoch:
                if self._uid(name) != uid:  # deleted between the two calls
                    raise _unknown(name)
                raise damaged(name, 1, "the dataset is listed, but there is no log")
            return self._hold(name, keys, epoch)

    def delete(self, name: str) -> None:
        """Forget a dataset; see `Store.delete`."""
        with self._lock:
            log = self._held.get(name) or self.open(name)
            deleted = log.delete(_CATALOGUE)
            del self._held[name]
            if not deleted:
                raise _unknown(name)

    def ping(self) -> None:
        """Return when the server answers; Unavailable (LOG_UNAVAILABLE) when it does not."""
        with reported():
            self._client.ping()

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()

    def _make(self, name: str, write: Write) -> RedisLog | None:
        uid = secrets.token_hex(8)
        keys = Keys(uid)
        event = codec.encode(write.event)
        with reported():
            made = self._create(
                keys=[_CATALOGUE, keys.log, keys.epoch, keys.request(write.request_id)],
                args=[name, uid, REMEMBERED, write.request_id, digest(write.event, event), event],
            )
        return self._hold(name, keys, _FIRST_EPOCH) if made else None

    def _hold(self, name: str, keys: Keys, epoch: int) -> RedisLog:
        log = RedisLog(self._client, name, keys, epoch)
        self._held[name] = log
        return log

    def _uid(self, name: str) -> str | None:
        with reported():
            uid: Any = self._client.hget(_CATALOGUE, name)
        return None if uid is None else uid.decode()

    def _known_uid(self, name: str) -> str:
        uid = self._uid(name)
        if uid is None:
            raise _unknown(name)
        return uid


def _unknown(name: str) -> NotFound:
    return NotFound("UNKNOWN_DATASET", f"there is no dataset {name!r}", field="dataset", value=name)
