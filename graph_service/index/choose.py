"""Which index serves how many nodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal
from weakref import ref

import numpy as np

from graph_service.index.base import Index, Survey
from graph_service.index.exact import ExactIndex
from graph_service.index.hnsw import HnswIndex
from graph_service.index.holders import Holders
from graph_service.index.threads import CORES
from graph_service.index.vectors import Float32Array, Int32Array, VectorTable

__all__ = ["SWITCH_AT", "AutoIndex", "IndexKind", "make_index"]

IndexKind = Literal["auto", "exact", "hnsw"]

SWITCH_AT = 65_536
"""Nodes beyond which HNSW takes over; from some 50,000 on, of 384 dimensions, it is the faster (ADR 12)."""

_POUR = 8
"""At 65,536 nodes an exact survey costs as much as moving some three slots."""
_MOST_POURED = 8192
"""Most slots that one call moves: it must not stall a write for a whole build."""
_PIECE = 256
"""Slots moved at a time in the background: a write waits for one piece at most."""


class AutoIndex:
    """Exact up to `switch_at` nodes, HNSW beyond, exact again below half of that.

    Crossing the line never stalls a write for a whole build: with every slot added, `pour` of those that
    wait move into the new graph, while the exact index, which costs nothing to keep, goes on answering until
    none is left to move. Where many wait, a thread moves them in the background besides, on half the cores.

    Args:
        vectors: the table the slots refer to.
        switch_at: nodes beyond which HNSW takes over.
        pour: slots moved into a new HNSW graph for every slot added.
        alone: slots waiting up to which no thread is started.
    """

    def __init__(
        self,
        vectors: VectorTable,
        *,
        switch_at: int = SWITCH_AT,
        pour: int = _POUR,
        alone: int = 2 * _MOST_POURED,
    ) -> None:
        self._vectors = vectors
        self._switch_at = switch_at
        self._share = pour
        self._alone = alone
        self._exact = ExactIndex(vectors)
        # The lock guards the graph and what waits for it, while a thread pours; once none waits, none does.
        self._lock = threading.Lock()
        self._hnsw: HnswIndex | None = None
        self._waiting: Int32Array = np.zeros(0, dtype=np.int32)
        self._pouring: threading.Thread | None = None

    @property
    def name(self) -> str:
        """`exact` or `hnsw`: what answers searches now."""
        return self._answering.name

    def __len__(self) -> int:
        return len(self._exact)

    def add(self, slots: Int32Array) -> None:
        """See `Index.add`."""
        with self._lock:
            self._exact.add(slots)
            if self._hnsw is None and len(self) > self._switch_at:
                self._hnsw, self._waiting = HnswIndex(self._vectors), self._exact.slots
            elif self._hnsw is not None and len(self._waiting):
                self._waiting = np.concatenate([self._waiting, slots])
            elif self._hnsw is not None:
                self._hnsw.add(slots)
            self._pour(min(self._share * len(slots), _MOST_POURED))
            if len(self._waiting) > self._alone and self._pouring is None:
                self._pouring = threading.Thread(target=_keep_pouring, args=[ref(self)], daemon=True)
                self._pouring.start()

    def remove(self, slots: Int32Array) -> None:
        """See `Index.remove`."""
        with self._lock:
            self._exact.remove(slots)
            if self._hnsw is None:
                return
            if 2 * len(self) < self._switch_at:
                self._hnsw, self._waiting = None, self._waiting[:0]
            else:
                self._hnsw.remove(np.setdiff1d(slots, self._waiting, assume_unique=True))
                self._waiting = self._waiting[~np.isin(self._waiting, slots)]

    def pour(self, count: int) -> bool:
        """Moves up to `count` waiting slots into the HNSW graph; says whether any wait still."""
        with self._lock:
            self._pour(count, max(1, CORES // 2))
            if not len(self._waiting):
                self._pouring = None
            return len(self._waiting) > 0

    def _pour(self, count: int, threads: int = CORES) -> None:
        if self._hnsw is not None and len(self._waiting):
            # First in, then off the list: who sees the list empty asks the graph, beside nobody.
            self._hnsw.add(self._waiting[:count], threads)
            self._waiting = self._waiting[count:]

    def search(self, queries: Float32Array, k: int) -> tuple[Int32Array, Float32Array]:
        """See `Index.search`."""
        return self._answering.search(queries, k)

    def surveys_exactly(self, count: int) -> bool:
        """Up to the switch."""
        return count <= self._switch_at

    def survey(
        self, queries: Float32Array, k: int, radii: Float32Array, holders: Callable[[], Holders]
    ) -> Survey:
        """See `Index.survey`."""
        return self._answering.survey(queries, k, radii, holders)

    @property
    def _answering(self) -> Index:
        graph = self._hnsw
        return self._exact if graph is None or len(self._waiting) else graph


def _keep_pouring(index: ref[AutoIndex]) -> None:
    """Pour until none waits, or nobody has the index any more."""
    while (held := index()) is not None and held.pour(_PIECE):
        del held  # or it would never go
        time.sleep(0)  # who waits for the lock gets it


def make_index(kind: IndexKind, vectors: VectorTable, *, switch_at: int = SWITCH_AT) -> Index:
    """An empty index over a table.

    Args:
        kind: `exact` and `hnsw` whatever the size, `auto` by it.
        vectors: the table the slots refer to.
        switch_at: nodes beyond which `auto` uses HNSW.
    """
    match kind:
        case "exact":
            return ExactIndex(vectors)
        case "hnsw":
            return HnswIndex(vectors)
        case "auto":
            return AutoIndex(vectors, switch_at=switch_at)
