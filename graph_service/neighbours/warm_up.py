"""Compilation before the first caller waits for it."""

from __future__ import annotations

import numpy as np

from graph_service.index import HnswIndex
from graph_service.neighbours.graph import NeighbourGraph

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: seconds the first time, a fraction of one later."""
    vectors = np.random.default_rng(0).standard_normal((600, 4)).astype(np.float16)
    for index in ("exact", lambda table: HnswIndex(table, ef_search=8)):
        graph = NeighbourGraph(4, 2, index=index, bulk=500)
        graph.update(add=vectors[:500])  # all at once, where the index is not exact
        graph.update(add=vectors[500:])
        for queries in (1, 8):
            graph.search(vectors[:queries].astype(np.float32), 2)
        frozen = graph.freeze_vectors()  # kernels tell what is read-only from what is not
        for queries in (1, 8):
            frozen.similarities(vectors[:queries].astype(np.float32), 0, len(frozen))
