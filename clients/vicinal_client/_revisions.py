"""The newest revision this client has seen of each dataset, so that it reads its own writes."""

from __future__ import annotations

import threading

__all__ = ["Revisions"]


class Revisions:
    """Highest revision seen, a dataset; safe to use from several threads."""

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._lock = threading.Lock()

    def saw(self, dataset: str, revision: int) -> int:
        """Remember that `dataset` has reached `revision`; return `revision`."""
        with self._lock:
            self._newest[dataset] = max(self._newest.get(dataset, 0), revision)
        return revision

    def least(self, dataset: str, asked: int | None) -> int:
        """Return the least revision to read from: `asked`, or by default the newest that was seen."""
        return self._newest.get(dataset, 0) if asked is None else asked

    def forget(self, dataset: str) -> None:
        """Start again at 0: the dataset was deleted, or made anew."""
        with self._lock:
            self._newest.pop(dataset, None)
