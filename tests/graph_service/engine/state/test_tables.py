"""Incremental upkeep of samples, labels and the graph against building from scratch."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from graph_service.engine.requests.limits import Limits
from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.state.tables import Tables
from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    LabelsAdded,
    LabelsRemoved,
    Propagation,
    SamplesAdded,
    SamplesRemoved,
    Trust,
)
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import ServiceError

K = 3
CREATED = DatasetCreated("d", 4, "", ("a", "b", "c"), K, Propagation())
POOL = to_keep(np.random.default_rng(7).normal(size=(14, 4)), "pool", 14, 4)
HASHES = (b"", b"", bytes(32), b"\1" * 32)
IDS = [f"s{i}" for i in range(12)]


def tables() -> Tables:
    return Tables(CREATED, NeighbourGraph(4, K, index="exact"))


def added(samples: dict[str, tuple[int, bytes]]) -> SamplesAdded:
    vectors = POOL[[vector for vector, _ in samples.values()]].reshape(-1, 4)
    return SamplesAdded(tuple(samples), vectors, tuple(content for _, content in samples.values()))


def assert_alike(found, expected):
    """Two outcomes of `described` are equal, similarities up to rounding."""
    assert found.keys() == expected.keys()
    for sample, (members, similarities) in found.items():
        assert members == expected[sample][0]
        np.testing.assert_allclose(similarities, expected[sample][1], atol=1e-6)


def described(tables: Tables) -> dict[str, tuple[frozenset[str], list[float]]]:
    """Each sample's duplicates, and the sorted similarities of its node's neighbours."""
    graph, nodes = tables.nodes.graph, tables.nodes.node_of_row
    members: dict[int, set[str]] = {}
    for sample, row in tables.row_of.items():
        members.setdefault(int(nodes[row]), set()).add(sample)
    assert set(members) == set(np.flatnonzero(graph.alive).tolist())
    return {
        sample: (
            frozenset(members[int(nodes[row])]),
            graph.similarities[nodes[row]].copy(),
        )
        for sample, row in tables.row_of.items()
    }


def neighbours(tables: Tables) -> dict[str, list[tuple[float, ...]]]:
    """The vectors of each sample's neighbours (as vectors, for nodes of equal vector are a tie)."""
    graph, nodes = tables.nodes.graph, tables.nodes.node_of_row
    found = {}
    for sample, row in tables.row_of.items():
        slots = graph.neighbours[nodes[row]]
        vectors = graph.vectors(slots[slots >= 0])
        found[sample] = sorted(map(tuple, np.round(vectors.astype(float), 4).tolist()))
    return found


class Upkeep(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self.tables = tables()
        self.samples: dict[str, tuple[int, bytes]] = {}
        self.labels: dict[tuple[str, str], tuple[int, Trust]] = {}
        self.flushed = True

    @rule(
        batch=st.dictionaries(
            st.sampled_from(IDS),
            st.tuples(st.integers(0, len(POOL) - 1), st.sampled_from(HASHES)),
            min_size=1,
            max_size=8,
        )
    )
    def add_or_change(self, batch):
        self.tables.apply(added(batch))
        for sample, content in batch.items():
            self.samples[sample] = content  # a changed sample keeps its place
        self.flushed = False

    @precondition(lambda self: self.samples)
    @rule(data=st.data())
    def remove(self, data):
        gone = data.draw(st.lists(st.sampled_from(sorted(self.samples)), min_size=1, unique=True))
        self.tables.apply(SamplesRemoved(tuple(gone)))
        for sample in gone:
            del self.samples[sample]
        self.labels = {key: value for key, value in self.labels.items() if key[0] not in gone}
        self.flushed = False

    @precondition(lambda self: self.samples)
    @rule(data=st.data(), who=st.sampled_from("xy"), index=st.integers(0, 2), trust=st.sampled_from(Trust))
    def label(self, data, who, index, trust):
        sample = data.draw(st.sampled_from(sorted(self.samples)))
        self.tables.apply(LabelsAdded((sample,), (who,), (index,), (trust,)))
        self.labels[sample, who] = index, trust

    @precondition(lambda self: self.labels)
    @rule(data=st.data())
    def unlabel(self, data):
        sample, who = data.draw(st.sampled_from(sorted(self.labels)))
        self.tables.apply(LabelsRemoved((sample,), (who,)))
        del self.labels[sample, who]

    @rule()
    def flush(self):
        self.tables.nodes.flush()
        self.flushed = True

    @invariant()
    def labels_are_those_stated(self):
        columns = self.tables.labels.columns()
        rows = zip(columns.rows(), columns.annotators(), columns.classes, columns.trusts, strict=True)
        stated = {
            (self.tables.ids[row], columns.annotator_names[who]): (index, Trust(trust))
            for row, who, index, trust in rows
        }
        assert stated == self.labels
        for trust in Trust:
            count = sum(value[1] is trust for value in self.labels.values())
            assert self.tables.labels.count(trust) == count

    @precondition(lambda self: self.flushed)
    @invariant()
    def graph_equals_a_rebuild(self):
        fresh = tables()
        if self.samples:
            fresh.apply(added(self.samples))
        fresh.nodes.flush()
        assert_alike(described(self.tables), described(fresh))
        assert neighbours(self.tables) == neighbours(fresh)


Upkeep.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestUpkeep = Upkeep.TestCase


def test_duplicates_share_a_node():
    it = tables()
    it.apply(added({"a": (0, b""), "b": (0, b""), "c": (1, bytes(32)), "d": (2, bytes(32)), "e": (3, b"")}))
    it.nodes.flush()
    assert len(it.nodes) == 3
    it.apply(SamplesRemoved(("c",)))
    it.nodes.flush()
    kept = it.nodes.graph.vectors(it.nodes.node_of_row[[it.row_of["d"]]])[0]
    np.testing.assert_allclose(kept, POOL[2].astype(np.float32), atol=1e-3)


def test_the_same_sample_again_leaves_the_graph_alone():
    it = tables()
    it.apply(added({"a": (0, b""), "b": (1, bytes(32))}))
    it.nodes.flush()
    it.apply(added({"a": (0, b""), "b": (1, bytes(32))}))
    assert it.nodes.pending == 0


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        (SamplesRemoved(("s0", "nobody")), "UNKNOWN_SAMPLE", "sample_ids[1]"),
        (LabelsAdded(("nobody",), ("x",), (0,), (Trust.GIVEN,)), "UNKNOWN_SAMPLE", "labels[0].sample_id"),
        (LabelsRemoved(("s0",), ("x",)), "UNKNOWN_LABEL", "labels[0].annotator"),
        (added({"s1": (0, b""), "s2": (0, b"")}), "DATASET_FULL", None),
        (added({"s1": (0, b"")}), "DATASET_FULL", None),
        (DatasetUpdated(None, None, None, ("b",)), "DUPLICATE_ID", "new_classes[0]"),
        (DatasetUpdated(None, None, None, ("d",)), "DATASET_FULL", None),
        (DatasetUpdated(None, None, None, ("d", "e")), "OUT_OF_RANGE", "new_classes"),
    ],
)
def test_what_does_not_fit_is_refused(event, reason, field):
    it = tables()
    it.apply(added({"s0": (0, b"")}))
    with pytest.raises(ServiceError) as refusal:
        it.check(event, Limits(max_samples=2, max_classes=4, max_scores=3))
    assert (refusal.value.reason, refusal.value.field) == (reason, field)


def test_updates_change_what_they_name():
    it = tables()
    it.apply(DatasetUpdated(None, 0.5, None, ("d",)))
    assert it.propagation == Propagation(temperature=0.5)
    assert it.classes == ["a", "b", "c", "d"]
