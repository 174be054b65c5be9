"""Which index serves how many nodes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from graph_service.index.base import Index, Survey
from graph_service.index.exact import ExactIndex
from graph_service.index.hnsw import HnswIndex
from graph_service.index.vectors import Float32Array, Int32Array, VectorTable

__all__ = ["SWITCH_AT", "AutoIndex", "IndexKind", "make_index"]

IndexKind = Literal["auto", "exact", "hnsw"]

SWITCH_AT = 100_000
"""Nodes beyond which HNSW takes over."""

_POUR = 2
"""Old slots moved into a new HNSW graph for every slot added."""


class AutoIndex:
    """Exact up to `switch_at` nodes, HNSW beyond, exact again below half of that.

    Crossing the line never stalls a write for a whole build: the new graph takes the added slots and, with
    each of them, `_POUR` of those already there, while the exact index, which costs nothing to keep, goes on
    answering until none is left to move.

    Args:
        vectors: the table the slots refer to.
        switch_at: nodes beyond which HNSW takes over.
    """

    def __init__(self, vectors: VectorTable, *, switch_at: int = SWITCH_AT) -> None:
        self._vectors = vectors
        self._switch_at = switch_at
        self._exact = ExactIndex(vectors)
        self._hnsw: HnswIndex | None = None
        self._waiting: Int32Array = np.zeros(0, dtype=np.int32)

    @property
    def name(self) -> str:
        """`exact` or `hnsw`: what answers searches now."""
        return self._answering.name

    def __len__(self) -> int:
        return len(self._exact)

    def add(self, slots: Int32Array) -> None:
        """See `Index.add`."""
        if self._hnsw is None and len(self) + len(slots) > self._switch_at:
            self._hnsw = HnswIndex(self._vectors)
            self._waiting = self._exact.slots
        self._exact.add(slots)
        if self._hnsw is not None:
            poured, self._waiting = np.split(self._waiting, [_POUR * len(slots)])
            self._hnsw.add(np.concatenate([poured, slots]))

    def remove(self, slots: Int32Array) -> None:
        """See `Index.remove`."""
        self._exact.remove(slots)
        if self._hnsw is None:
            return
        if 2 * len(self) < self._switch_at:
            self._hnsw = None
        else:
            self._hnsw.remove(np.setdiff1d(slots, self._waiting, assume_unique=True))
        self._waiting = np.setdiff1d(self._waiting, slots, assume_unique=True)

    def search(self, queries: Float32Array, k: int) -> tuple[Int32Array, Float32Array]:
        """See `Index.search`."""
        return self._answering.search(queries, k)

    def surveys_exactly(self, count: int) -> bool:
        """Up to the switch."""
        return count <= self._switch_at

    def survey(self, queries: Float32Array, k: int, radii: Float32Array, neighbours: Int32Array) -> Survey:
        """See `Index.survey`."""
        return self._answering.survey(queries, k, radii, neighbours)

    @property
    def _answering(self) -> Index:
        return self._exact if self._hnsw is None or len(self._waiting) else self._hnsw


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
