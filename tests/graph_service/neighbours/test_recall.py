"""HNSW lists kept up in pieces are near the exact ones.

`tests/benchmarks/recall.py` asks the same of real vectors.
"""

from __future__ import annotations

import numpy as np
import pytest

from graph_service.index import IndexKind
from graph_service.index.vectors import Float32Array, Int32Array
from graph_service.neighbours import NeighbourGraph


@pytest.fixture(scope="module")
def vectors() -> Float32Array:
    """4,000 points in ten wide clusters of 128 dimensions, hubs and far reverse neighbours among them."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((10, 128))[rng.integers(0, 10, 4000)]
    spread = rng.uniform(0.5, 1.5, (4000, 1)) * rng.standard_normal((4000, 128))
    drawn: Float32Array = (centres + spread).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


def lists(vectors: Float32Array, index: IndexKind) -> Int32Array:
    """Lists of 10 after adding in pieces, moving a quarter away and back, and replacing a tenth."""
    graph = NeighbourGraph(vectors.shape[1], 10, index=index)
    for start in range(0, len(vectors), 1000):
        graph.update(add=vectors[start : start + 1000])
    moved = np.arange(0, len(vectors), 4, dtype=np.int32)
    graph.update(move=(moved, np.roll(vectors[moved], 1, axis=0)))
    graph.update(move=(moved, vectors[moved]))
    removed = np.arange(3, len(vectors), 10, dtype=np.int32)
    graph.update(remove=removed)
    graph.update(add=vectors[removed])
    return graph.neighbours.copy()


def test_hnsw_lists_are_near_the_exact_ones(vectors: Float32Array) -> None:
    exact, hnsw = lists(vectors, "exact"), lists(vectors, "hnsw")
    shared = [len(np.intersect1d(a, b)) for a, b in zip(exact, hnsw, strict=True)]
    assert np.mean(shared) / 10 >= 0.97
