"""Page tokens: which revision a listing is read from, and where its next page begins."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from vicinal.wire.errors import InvalidArgument

__all__ = ["Page"]

_FORMAT = struct.Struct("<8sQQ")


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


def _mark(query: str) -> bytes:
    return hashlib.blake2b(query.encode(), digest_size=8).digest()
