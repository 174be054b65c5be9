"""Reads that come in pages."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from vicinal_client._exceptions import Aborted
from vicinal_client._sync._backend import UnaryCall
from vicinal_client._sync._datasets import DatasetCalls

__all__ = ["Pages"]

_STARTS = 3


class _Paged(Protocol):
    dataset: str
    page_token: str


class _Page(Protocol):
    @property
    def revision(self) -> int: ...
    @property
    def next_page_token(self) -> str: ...


Request = TypeVar("Request", bound=_Paged)
Page = TypeVar("Page", bound=_Page)


class Pages(DatasetCalls):
    """Follow pages."""

    def _pages(
        self,
        method: UnaryCall[Request, Page],
        request: Request,
        timeout: float | None,
        most_pages: int | None = None,
    ) -> Iterator[Page]:
        """Yield the pages from the first on, all of one revision; sets the page token in `request`."""
        request.page_token = ""
        for number in itertools.count(1):
            page = self._call(method, request, timeout)
            self._revisions.saw(request.dataset, page.revision)
            yield page
            if not page.next_page_token or number == most_pages:
                return
            request.page_token = page.next_page_token

    def _collect(
        self,
        method: UnaryCall[Request, Page],
        request: Request,
        timeout: float | None,
        *,
        most_pages: int | None = None,
        on_page: Callable[[Sequence[Page]], None] = lambda _: None,
    ) -> list[Page]:
        """Return the pages, starting again when they expire on the way; `on_page` is shown those so far."""
        starts = 1
        while True:
            pages: list[Page] = []
            try:
                for page in self._pages(method, request, timeout, most_pages):
                    pages.append(page)
                    on_page(pages)
            except Aborted as error:
                if error.reason != "PAGE_EXPIRED" or starts == _STARTS:
                    raise
                starts += 1
            else:
                return pages
