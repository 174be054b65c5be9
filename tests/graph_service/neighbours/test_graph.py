from __future__ import annotations

import numpy as np
import pytest

from graph_service.index.vectors import Float32Array, Int32Array
from graph_service.neighbours import NeighbourGraph

FLOAT16 = 5e-4
"""How far from what was put a vector may be, which tables keep as float16."""


def unit(rows: int, dimension: int = 8, seed: int = 0) -> Float32Array:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def slots(*numbers: int) -> Int32Array:
    return np.array(numbers, dtype=np.int32)


def test_a_graph_without_nodes() -> None:
    graph = NeighbourGraph(8, 3)
    assert graph.capacity == len(graph) == 0
    assert graph.neighbours.shape == graph.similarities.shape == (0, 3)
    assert graph.update().tolist() == []
    assert graph.search(unit(2), 4)[0].tolist() == [[-1] * 4] * 2


def test_a_single_node_has_no_neighbours() -> None:
    graph = NeighbourGraph(8, 3)
    assert graph.update(add=unit(1)).tolist() == [0]
    assert graph.neighbours.tolist() == [[-1, -1, -1]]


def test_freed_slots_are_used_again_lowest_first() -> None:
    graph = NeighbourGraph(8, 3)
    graph.update(add=unit(6))
    graph.update(remove=slots(4, 1))
    assert graph.alive.tolist() == [True, False, True, True, False, True]
    assert graph.update(add=unit(3, seed=1)).tolist() == [1, 4, 6]
    assert graph.capacity == 7


def test_a_slot_freed_in_an_update_serves_its_added_nodes_and_a_moved_one_does_not() -> None:
    graph = NeighbourGraph(8, 3)
    graph.update(add=unit(4))
    added = graph.update(remove=slots(2), move=(slots(0), unit(1, seed=1)), add=unit(2, seed=2))
    assert added.tolist() == [2, 4]
    np.testing.assert_allclose(graph.vectors(slots(0)), unit(1, seed=1), atol=FLOAT16)
    np.testing.assert_allclose(graph.vectors(added), unit(2, seed=2), atol=FLOAT16)


@pytest.mark.parametrize(
    ("remove", "move"),
    [((9,), ()), ((), (9,)), ((-1,), ()), ((1,), (1,)), ((2, 2), ()), ((), (0, 0)), ((3,), ())],
)
def test_slots_not_alive_or_named_twice_are_refused_and_nothing_changes(
    remove: tuple[int, ...], move: tuple[int, ...]
) -> None:
    graph = NeighbourGraph(8, 3)
    graph.update(add=unit(5))
    graph.update(remove=slots(3))
    before = graph.neighbours.copy()
    with pytest.raises(ValueError, match="slot"):
        graph.update(remove=slots(*remove), move=(slots(*move), unit(len(move))), add=unit(2))
    np.testing.assert_array_equal(graph.neighbours, before)
    assert len(graph) == 4


def test_the_views_cannot_be_written() -> None:
    graph = NeighbourGraph(8, 3)
    graph.update(add=unit(5))
    for view in (graph.neighbours, graph.similarities, graph.alive):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 0
    graph.update(add=unit(1, seed=1))


def test_nothing_but_identical_vectors() -> None:
    graph = NeighbourGraph(8, 3, batch=50)
    graph.update(add=np.repeat(unit(1), 200, axis=0))
    graph.update(remove=np.arange(0, 200, 3, dtype=np.int32))
    living = np.flatnonzero(graph.alive)
    assert np.isin(graph.neighbours[living], living).all()
    np.testing.assert_allclose(graph.similarities[living], 1, atol=1e-6)
    assert (graph.neighbours[living] != living[:, None]).all()


def test_search_sees_the_nodes() -> None:
    graph = NeighbourGraph(8, 3)
    added = graph.update(add=unit(20))
    found, similarities = graph.search(unit(20), 1)
    np.testing.assert_array_equal(found[:, 0], added)
    np.testing.assert_allclose(similarities, 1, atol=1e-6)


def test_the_index_follows_the_size() -> None:
    graph = NeighbourGraph(8, 3, switch_at=50)
    graph.update(add=unit(40))
    assert graph.index_name == "exact"
    graph.update(add=unit(40, seed=1))
    assert graph.index_name == "hnsw"
    graph.update(remove=np.arange(60, dtype=np.int32))
    assert graph.index_name == "exact"
