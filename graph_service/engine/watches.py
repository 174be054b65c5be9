"""The use case of those who watch a dataset, and how many may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from graph_service.engine.core import Core, milliseconds
from graph_service.engine.requests import checks
from graph_service.engine.requests.limits import Limits
from graph_service.engine.watching import Changes, Watch
from graph_service.log.base import Store
from vicinal.wire.errors import ResourceExhausted

__all__ = ["WatchCases"]

_RETRY_AFTER = 5.0


class WatchCases(Core):
    """Watch what is believed; the arguments are those of `Core`."""

    def __init__(
        self, store: Store, limits: Limits | None = None, *, clock: Callable[[], int] = milliseconds
    ) -> None:
        super().__init__(store, limits, clock=clock)
        self._watchers = 0
        self._watchers_lock = threading.Lock()

    def watch_beliefs(
        self,
        name: str,
        min_revision: int,
        *,
        min_change: float,
        changes_only: bool,
        on_news: Callable[[], None],
    ) -> Watch:
        """Begin to watch a dataset, at once; see `Watch` for the arguments. Its `close` must be called.

        Raises:
            ResourceExhausted: QUEUE_FULL.
        """
        dataset = self._datasets.get(name)
        checks.in_range(min_change, "min_change", 0, 1)

        def check() -> None:
            self._datasets.refuse_unless_open()
            dataset.refuse_if_deleted()

        self._enter()
        return Watch(
            dataset,
            check,
            min_revision=min_revision,
            min_change=min_change,
            changes_only=changes_only,
            on_news=on_news,
            on_close=self._leave,
        )

    def parts(self, changes: Changes) -> Iterator[Changes]:
        """Yield changes in parts that each fit one message."""
        return changes.parts(self._fitting(self.limits.max_page_size, self._entry_bytes))

    def _enter(self) -> None:
        with self._watchers_lock:
            most = self.limits.max_watchers
            if self._watchers >= most:
                message = f"{most} watch already; come back in {_RETRY_AFTER:g} s"
                raise ResourceExhausted("QUEUE_FULL", message, retry_after=_RETRY_AFTER, limit=most)
            self._watchers += 1

    def _leave(self) -> None:
        with self._watchers_lock:
            self._watchers -= 1
