"""Lists made all at once against those of an exact search."""

from __future__ import annotations

import numpy as np
import pytest

from graph_service.index import VectorTable
from graph_service.index.vectors import Float32Array, Int32Array
from graph_service.neighbours import NeighbourGraph
from graph_service.neighbours.bulk import build_lists
from graph_service.neighbours.forest import plant


def table_of(vectors: Float32Array, slots: Int32Array | None = None) -> VectorTable:
    table = VectorTable(vectors.shape[1])
    table.put(np.arange(len(vectors), dtype=np.int32) if slots is None else slots, vectors)
    return table


def clustered(rows: int, dimension: int = 64) -> Float32Array:
    rng = np.random.default_rng(0)
    shapes = rng.standard_normal((20, 12, dimension))
    of = rng.integers(0, 20, rows)
    drawn = np.einsum("nl,nld->nd", rng.standard_normal((rows, 12)) + 1, shapes[of])
    drawn += rng.standard_normal((rows, dimension))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def exact(vectors: Float32Array, k: int) -> tuple[Int32Array, Float32Array]:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argsort(-cosines, axis=1)[:, :k].astype(np.int32)
    return nearest, np.take_along_axis(cosines, nearest, axis=1)


def recall(found: Int32Array, true: Int32Array) -> float:
    return (
        float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, true, strict=True)])) / true.shape[1]
    )


@pytest.mark.parametrize("k", [1, 10, 40])
def test_nearly_all_of_the_nearest_are_found(k: int) -> None:
    table = table_of(clustered(5000))
    found, similarities = build_lists(table, np.arange(5000, dtype=np.int32), k)
    assert found.dtype == np.int32
    assert similarities.dtype == np.float32
    vectors = table[0:5000]
    assert recall(found, exact(vectors, k)[0]) >= 0.99
    np.testing.assert_allclose(similarities, np.einsum("nd,nkd->nk", vectors, vectors[found]), atol=1e-6)
    assert (np.diff(similarities, axis=1) <= 0).all()
    assert (found != np.arange(5000)[:, None]).all()
    assert all(len(set(row)) == k for row in found.tolist())


def test_slots_in_any_order_and_the_others_left_out() -> None:
    vectors = clustered(900, 16)
    slots = np.random.default_rng(1).permutation(2000).astype(np.int32)[:900]
    table = table_of(vectors, slots)
    some = slots[::3]
    found, _ = build_lists(table, some, 5)
    nearest, _ = exact(table[some], 5)
    assert np.isin(found, some).all()
    assert recall(found, some[nearest]) >= 0.99


@pytest.mark.parametrize("count", [0, 1, 2, 3, 40])
def test_fewer_than_a_list_holds(count: int) -> None:
    table = table_of(clustered(50, 8))
    slots = np.arange(5, 5 + count, dtype=np.int32)
    found, similarities = build_lists(table, slots, 45)
    held = max(count - 1, 0)
    assert found.shape == similarities.shape == (count, 45)
    assert all(
        set(row[:held]) == set(slots.tolist()) - {int(slot)}
        for slot, row in zip(slots, found.tolist(), strict=True)
    )
    assert (found[:, held:] == -1).all()
    assert np.isneginf(similarities[:, held:]).all()


def test_identical_vectors_end_too() -> None:
    vectors = np.repeat(clustered(3, 8), 700, axis=0)
    table = table_of(vectors)
    found, similarities = build_lists(table, np.arange(2100, dtype=np.int32), 10)
    assert (found // 700 == np.arange(2100)[:, None] // 700).all()
    np.testing.assert_allclose(similarities, 1, atol=1e-6)


def test_the_same_vectors_make_the_same_lists() -> None:
    table = table_of(clustered(3000))
    slots = np.arange(3000, dtype=np.int32)
    first, second = build_lists(table, slots, 10), build_lists(table, slots, 10)
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("leaf", [2, 7, 100])
def test_leaves_hold_every_slot_once_and_have_their_size(leaf: int) -> None:
    slots = np.arange(3, 1000, dtype=np.int32)
    order, bounds = plant(table_of(clustered(1000, 16)), slots, leaf, seed=2)
    assert sorted(order.tolist()) == slots.tolist()
    sizes = np.diff(bounds)
    assert bounds[0] == 0
    assert bounds[-1] == len(slots)
    assert sizes.max() <= leaf
    assert sizes.min() >= leaf // 2


def test_a_graph_settled_late_and_at_once_has_the_lists_of_one_kept_up() -> None:
    vectors = clustered(3000)
    graph = NeighbourGraph(64, 10, switch_at=1000, bulk=1000)
    graph.update(add=vectors[:500])
    for start in range(500, 3000, 500):
        graph.update(add=vectors[start : start + 500], settle=False)
        assert len(graph) == start + 500
    assert graph.index_name == "exact"
    assert (graph.neighbours[500:] == -1).all()
    graph.update(remove=np.arange(450, 550, dtype=np.int32))
    living = np.flatnonzero(graph.alive)
    assert len(living) == len(graph) == 2900
    nearest, _ = exact(graph.vectors(living.astype(np.int32)), 10)
    assert recall(graph.neighbours[living], living[nearest].astype(np.int32)) >= 0.99
