"""What every use case stands on: the datasets, the limits, one way to write, and pages."""

from __future__ import annotations

import time
from collections.abc import Callable

from graph_service.engine.answers.pages import Page
from graph_service.engine.catalogue import Catalogue
from graph_service.engine.dataset import Dataset
from graph_service.engine.requests import checks
from graph_service.engine.requests.limits import Limits
from graph_service.engine.requests.rules import Rules
from graph_service.engine.revision.snapshot import Derived, Snapshot
from graph_service.events import Event
from graph_service.log.base import Store, Write

__all__ = ["Core", "milliseconds"]


def milliseconds() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Core:
    """Every dataset of one store, without the use cases.

    Args:
        store: where the logs are.
        limits: limits in force.
        clock: returns the time in milliseconds since 1970, by which leases expire.
    """

    def __init__(
        self, store: Store, limits: Limits | None = None, *, clock: Callable[[], int] = milliseconds
    ) -> None:
        self.limits = limits or Limits()
        self._rules = Rules(self.limits)
        self._datasets = Catalogue(store, self.limits)
        self._clock = clock

    def open(self) -> None:
        """Rebuild every dataset from its log; everything else is refused until then."""
        self._datasets.open()

    def close(self) -> None:
        """Refuse what comes from now on."""
        self._datasets.close()

    def must_wait(self, name: str, min_revision: int, of: Derived) -> bool:
        """Say whether a read of this would wait for it to be made; not where there is no such dataset."""
        return self._datasets.must_wait(name, min_revision, of)

    def trouble(self) -> str | None:
        """Say why writes cannot be acknowledged, or return None."""
        return self._datasets.trouble()

    def _write(self, dataset: Dataset, request_id: str, event: Event) -> int:
        checks.request_id(request_id)
        return dataset.write(Write(request_id, event))

    @property
    def _entry_bytes(self) -> int:
        """The most bytes that an entry of an answer takes besides scores: two names and some numbers."""
        return 2 * self.limits.max_id_bytes + 64

    def _fitting(self, count: int, item_bytes: int) -> int:
        """Return `count`, or how many items of this size surely fit one message (at least 1)."""
        return max(1, min(count, self.limits.max_message_bytes * 3 // 4 // item_bytes))

    def _page(
        self, dataset: Dataset, first: Callable[[int], Snapshot], min_revision: int, token: str, query: str
    ) -> tuple[Snapshot, Page]:
        """Return where the page of `token` begins and the snapshot to read it from.

        The first page is read from what `first` returns for `min_revision`.
        """
        if not token:
            snapshot = first(min_revision)
            return snapshot, Page(query, snapshot.revision, 0)
        page = Page.parse(token, query)
        dataset.refuse_if_deleted()
        return dataset.pins.get(page.revision), page

    def _next(self, dataset: Dataset, snapshot: Snapshot, page: Page, size: int, total: int) -> str:
        following = Page(page.query, page.revision, page.start + size)
        if following.start >= total:
            return ""
        dataset.pins.hold(snapshot)
        return following.token()
