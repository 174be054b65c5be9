"""Pages of a listing: the token that says where the next begins, and the revision held for them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass

from graph_service.engine.revision.snapshot import Snapshot
from vicinal.wire.errors import Aborted, InvalidArgument

__all__ = ["Page", "Pins"]

_FORMAT = struct.Struct("<8sQQ")
_PINNED = 4
"""Revisions of a dataset that are held for pages still to be read."""


@dataclass(frozen=True)
class Page:
    """Where a page begins.

    Attributes:
        query: what is listed, in full; a token is good for the query it was made for only.
        revision: the revision that all pages are read from.
        start: index of the page's first item.
    """

    query: str
    revision: int
    start: int

    def token(self) -> str:
        """Return the page as text that says nothing to a caller."""
        return base64.urlsafe_b64encode(_FORMAT.pack(_mark(self.query), self.revision, self.start)).decode()

    @classmethod
    def parse(cls, token: str, query: str) -> Page:
        """Return the page that `token` names.

        Raises:
            InvalidArgument: BAD_PAGE_TOKEN when it was not made here for this query.
        """
        try:
            mark, revision, start = _FORMAT.unpack(base64.urlsafe_b64decode(token))
        except (binascii.Error, struct.error, ValueError):
            mark, revision, start = b"", 0, 0
        if mark != _mark(query):
            message = "page_token was not made for this request; repeat the other fields of the first page"
            raise InvalidArgument("BAD_PAGE_TOKEN", message, field="page_token")
        return cls(query, revision, start)


class Pins:
    """The snapshots that pages are still to be read from. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[int, Snapshot] = OrderedDict()

    def hold(self, snapshot: Snapshot) -> None:
        """Hold a snapshot for the pages to come; the oldest of several gives way."""
        with self._lock:
            self._held[snapshot.revision] = snapshot
            self._held.move_to_end(snapshot.revision)
            while len(self._held) > _PINNED:
                self._held.popitem(last=False)

    def get(self, revision: int) -> Snapshot:
        """Return a snapshot that is held.

        Raises:
            Aborted: PAGE_EXPIRED when it gave way.
        """
        with self._lock:
            if revision in self._held:
                return self._held[revision]
        message = f"revision {revision} is no longer held; start again at the first page"
        raise Aborted("PAGE_EXPIRED", message, field="page_token")

    def clear(self) -> None:
        """Hold none."""
        with self._lock:
            self._held.clear()


def _mark(query: str) -> bytes:
    return hashlib.blake2b(query.encode(), digest_size=8).digest()
