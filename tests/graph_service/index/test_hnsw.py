"""What is HNSW's own; the contract suite has the rest."""

from __future__ import annotations

import numpy as np
import pytest

from graph_service.index import ExactIndex, HnswIndex, VectorTable
from graph_service.index.vectors import Float32Array, Int32Array


def unit(rows: int, seed: int = 0) -> Float32Array:
    vectors = np.random.default_rng(seed).standard_normal((rows, 16), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def span(start: int, stop: int) -> Int32Array:
    return np.arange(start, stop, dtype=np.int32)


def test_what_was_removed_never_outweighs_what_is_held() -> None:
    table = VectorTable(16)
    table.put(span(0, 400), unit(400))
    index = HnswIndex(table)
    index.add(span(0, 400))
    index.remove(span(0, 200))
    assert index.labels == 400
    index.remove(span(200, 201))
    assert index.labels == 199
    index.remove(span(201, 202))
    assert index.labels == 199
    for round_ in range(20):
        index.add(span(0, 200))
        index.remove(span(0, 200))
        assert index.labels <= 600, round_


@pytest.mark.parametrize("k", [10, 400])
def test_islands_do_not_stop_a_search(k: int) -> None:
    """Tight groups linked thinly: hnswlib cannot reach 400 from where it enters, and raises.

    On one thread: linked in another order the groups may touch, and the search ends among the wrong ones.
    """
    vectors = np.repeat(unit(5), 400, axis=0) + 1e-4 * unit(2000, seed=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = VectorTable(16)
    table.put(span(0, 2000), vectors)
    index, exact = HnswIndex(table, links=2), ExactIndex(table)
    index.add(span(0, 2000), threads=1)
    exact.add(span(0, 2000))
    found = index.search(vectors[::50], k)[0]
    assert (found >= 0).all()
    if k == 400:
        np.testing.assert_array_equal(found, exact.search(vectors[::50], k)[0])
