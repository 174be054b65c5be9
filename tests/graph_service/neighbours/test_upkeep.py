"""Upkeep equals rebuilding: the graph against the slow, obvious one, after any sequence of changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from graph_service.index import AutoIndex, ExactIndex, HnswIndex, Index, VectorTable
from graph_service.index.vectors import Float32Array, Int32Array
from graph_service.neighbours import NeighbourGraph

ROUNDING = 1e-6
FLOAT16 = 5e-4
Model = dict[int, Float32Array]


def check_form(graph: NeighbourGraph, model: Model) -> None:
    """The nodes are the model's; every list holds true similarities to other live nodes, in order."""
    neighbours, similarities = graph.neighbours, graph.similarities
    assert neighbours.shape == similarities.shape == (graph.capacity, graph.k)
    assert neighbours.dtype == np.int32
    assert similarities.dtype == np.float32
    assert np.flatnonzero(graph.alive).tolist() == sorted(model)
    assert len(graph) == len(model)
    padding = neighbours == -1
    assert (padding == np.isneginf(similarities)).all()
    assert padding[~graph.alive].all()
    assert (padding[:, 1:] >= padding[:, :-1]).all()
    for slot, vector in model.items():
        found = neighbours[slot][~padding[slot]].tolist()
        assert len({*found, slot}) == len(found) + 1
        listed = similarities[slot][~padding[slot]]
        np.testing.assert_allclose(listed, [vector @ model[other] for other in found], atol=ROUNDING)
        assert (np.diff(listed) <= 0).all()
        assert (np.abs(listed) <= 1).all()


def check_rebuilt(graph: NeighbourGraph, model: Model) -> None:
    """As `check_form`, and every list is the one a search among all nodes would make, up to ties."""
    check_form(graph, model)
    slots = np.array(sorted(model), dtype=np.int32)
    for slot in slots.tolist():
        others = slots[slots != slot]
        true = np.array([model[slot] @ model[other] for other in others.tolist()], dtype=np.float32)
        best = np.sort(true)[::-1][: graph.k]
        np.testing.assert_allclose(graph.similarities[slot, : len(best)], best, atol=ROUNDING)
        assert (graph.neighbours[slot, len(best) :] == -1).all()
        # Nearer than the last by more than rounding: no tie can keep it out.
        sure = others[true > best.min(initial=2) + 2 * ROUNDING]
        assert set(sure.tolist()) <= set(graph.neighbours[slot].tolist())


class Upkeep(RuleBasedStateMachine):
    """Nodes come, move and go; small blocks and batches, so that few nodes cross every border."""

    bulk = 20_000

    @staticmethod
    def make_index(table: VectorTable) -> Index:
        return ExactIndex(table, block=24)

    @initialize(
        dimension=st.integers(1, 6), k=st.integers(1, 6), batch=st.integers(1, 8), seed=st.integers(0)
    )
    def start(self, dimension: int, k: int, batch: int, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.dimension = dimension
        self.graph = NeighbourGraph(dimension, k, index=self.make_index, batch=batch, bulk=self.bulk)
        self.model: Model = {}
        self.settled = True

    def vectors(self, count: int, identical: bool) -> Float32Array:
        """Random unit vectors; or some that are there already, or equal one another."""
        drawn = self.rng.standard_normal((count, self.dimension), dtype=np.float32)
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        if identical and count:
            pool = np.array([*self.model.values(), drawn[0]])
            copies = self.rng.random(count) < 0.6
            drawn[copies] = pool[self.rng.integers(len(pool), size=copies.sum())]
        return drawn

    def note(self, slots: Int32Array, vectors: Float32Array) -> None:
        """These slots hold these vectors, as the graph rounds them."""
        kept = self.graph.vectors(slots)
        np.testing.assert_allclose(kept, vectors, atol=FLOAT16)
        self.model.update(zip(slots.tolist(), kept, strict=True))

    def some(self, share: float) -> Int32Array:
        """A random share of the nodes."""
        slots = self.rng.permutation(sorted(self.model)).astype(np.int32)
        return slots[: round(share * len(slots))]

    @rule(count=st.integers(0, 25), identical=st.booleans())
    def add(self, count: int, identical: bool) -> None:
        vectors = self.vectors(count, identical)
        slots = self.graph.update(add=vectors)
        self.settled = True
        assert len({*slots.tolist()} - self.model.keys()) == len(slots) == count
        self.note(slots, vectors)

    @rule(share=st.floats(0, 1))
    def remove(self, share: float) -> None:
        slots = self.some(share)
        self.graph.update(remove=slots)
        self.settled = True
        for slot in slots.tolist():
            del self.model[slot]

    @rule(share=st.floats(0, 0.5), identical=st.booleans())
    def move(self, share: float, identical: bool) -> None:
        slots = self.some(share)
        vectors = self.vectors(len(slots), identical)
        self.graph.update(move=(slots, vectors))
        self.settled = True
        self.note(slots, vectors)

    @rule(share=st.floats(0, 1), count=st.integers(0, 12), settle=st.booleans())
    def all_at_once(self, share: float, count: int, settle: bool) -> None:
        removed, moved = np.array_split(self.some(share), 2)
        moved_vectors, added = self.vectors(len(moved), False), self.vectors(count, False)
        slots = self.graph.update(remove=removed, move=(moved, moved_vectors), add=added, settle=settle)
        self.settled = settle
        for slot in removed.tolist():
            del self.model[slot]
        self.note(moved, moved_vectors)
        assert not self.model.keys() & {*slots.tolist()}
        self.note(slots, added)

    def check(self) -> None:
        check_rebuilt(self.graph, self.model)

    @invariant()
    def right(self) -> None:
        if self.settled:
            self.check()
        assert np.flatnonzero(self.graph.alive).tolist() == sorted(self.model)


class HnswUpkeep(Upkeep):
    """The same changes; the lists need not be the very nearest, but all else holds."""

    @staticmethod
    def make_index(table: VectorTable) -> Index:
        return HnswIndex(table, ef_search=4)

    def check(self) -> None:
        check_form(self.graph, self.model)


class AutoUpkeep(HnswUpkeep):
    """The same across the switch, there and back."""

    @staticmethod
    def make_index(table: VectorTable) -> Index:
        return AutoIndex(table, switch_at=20)


class BulkUpkeep(HnswUpkeep):
    """The same where all lists are made anew as soon as at least half of the nodes enter together."""

    bulk = 2


TestExactUpkeep = Upkeep.TestCase
TestHnswUpkeep = HnswUpkeep.TestCase
TestAutoUpkeep = AutoUpkeep.TestCase
TestBulkUpkeep = BulkUpkeep.TestCase
TestExactUpkeep.settings = settings(max_examples=80, stateful_step_count=15, deadline=None)
TestHnswUpkeep.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestAutoUpkeep.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
TestBulkUpkeep.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize("size", [1, 37, 400])
def test_one_call_or_many_make_the_same_graph(size: int) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((400, 12), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    graph = NeighbourGraph(12, 10, index="exact", batch=128)
    for start in range(0, len(vectors), size):
        graph.update(add=vectors[start : start + size])
    check_rebuilt(graph, dict(enumerate(graph.vectors(np.arange(400, dtype=np.int32)))))
