"""The nearest nodes of vectors outside the graph, in a state whose beliefs are made."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from graph_service.engine.requests import checks
from graph_service.engine.revision.snapshot import Snapshot
from graph_service.engine.state.tables import Tables
from graph_service.index.exact import ExactIndex

__all__ = ["Search"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

_PATIENCE = 0.01
"""Seconds that a search waits for the index; writes of labels hold it for less, those of samples for more."""
_MOST_PRODUCTS = 2**36
"""Products of numbers, some seconds of work, that a search may take without the index."""


class Search:
    """Searches one dataset. Thread-safe.

    Args:
        tables: its tables, which hold the index.
        lock: guards them.
        finished: returns the last state whose beliefs are made, of at least this revision.
        current: returns the newest such state, and waits for it.
        newest: returns the newest state; the caller holds the lock.
    """

    def __init__(
        self,
        tables: Tables,
        lock: threading.Lock,
        *,
        finished: Callable[[int], Snapshot],
        current: Callable[[], Snapshot],
        newest: Callable[[], Snapshot],
    ) -> None:
        self._tables = tables
        self._lock = lock
        self._finished = finished
        self._current = current
        self._newest = newest

    def __call__(
        self, vectors: Float32, k: int, min_revision: int, encoder_digest: str
    ) -> tuple[Snapshot, Int32, Float32]:
        """Return a state whose beliefs are made, and the k nearest nodes of each vector in just that state.

        They are searched for among all vectors of that state, which no write touches, if there is no quicker
        index, or it is not free, or samples came or went since. Where that would take too long, the newest
        state is waited for, and its beliefs are made.

        Raises:
            Aborted: REVISION_AHEAD.
            FailedPrecondition: ENCODER_MISMATCH, the vectors are not of that state's encoder.
            InvalidArgument: BAD_TENSOR, they are not of its dimension.
        """
        snapshot = self._finished(min_revision)
        if encoder_digest != snapshot.view.encoder.digest:  # it may have changed since
            snapshot = self._current()
        if self._tables.nodes.graph.index_name != ExactIndex.name:
            asked = vectors, k, encoder_digest
            if vectors.size * len(snapshot.view.slots) > _MOST_PRODUCTS:
                with self._lock:
                    return self._indexed(self._newest(), *asked)
            if self._lock.acquire(timeout=_PATIENCE):
                try:
                    if snapshot.view.version == self._tables.sample_version:
                        return self._indexed(snapshot, *asked)
                finally:
                    self._lock.release()
        _check_encoder(snapshot, vectors, encoder_digest)
        return snapshot, *snapshot.view.search(vectors, k)

    def _indexed(
        self, snapshot: Snapshot, vectors: Float32, k: int, encoder_digest: str
    ) -> tuple[Snapshot, Int32, Float32]:
        """Search in the index, which is in the state of the snapshot; the caller holds the lock."""
        _check_encoder(snapshot, vectors, encoder_digest)
        slots, similarities = self._tables.nodes.graph.search(vectors, k)
        return snapshot, snapshot.view.nodes_at(slots), similarities


def _check_encoder(snapshot: Snapshot, vectors: Float32, digest: str) -> None:
    checks.encoder(digest, snapshot.view.encoder.digest)
    checks.dimension(vectors, snapshot.view.encoder.dimension)
