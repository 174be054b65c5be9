"""Moving to another encoder against a plain model: what waits, what a change takes, what a replay finds."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from graph_service.engine.requests.limits import Limits
from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.state.staging import Encoder
from graph_service.engine.state.tables import Tables
from graph_service.events import (
    DatasetCreated,
    EncoderChanged,
    LabelsAdded,
    Propagation,
    SamplesAdded,
    SamplesRemoved,
    Trust,
    VectorsDiscarded,
    VectorsStaged,
)
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import FailedPrecondition, ServiceError

K = 3
OLD, NEW = "0" * 64, "1" * 64
DIMENSIONS = {OLD: 4, NEW: 6}
POOLS = {
    digest: to_keep(np.random.default_rng(size).normal(size=(14, size)), "pool", 14, size)
    for digest, size in DIMENSIONS.items()
}
HASHES = (b"", bytes(32), b"\1" * 32)
IDS = [f"s{i}" for i in range(8)]
LIMITS = Limits()
BATCHES = st.dictionaries(
    st.sampled_from(IDS), st.tuples(st.integers(0, 13), st.sampled_from(HASHES)), min_size=1, max_size=6
)


def tables(digest=OLD) -> Tables:
    created = DatasetCreated("d", DIMENSIONS[digest], digest, ("a", "b"), K, Propagation())
    return Tables(created, NeighbourGraph(DIMENSIONS[digest], K, index="exact"))


def columns(digest, batch):
    vectors = POOLS[digest][[place for place, _ in batch.values()]].reshape(-1, DIMENSIONS[digest])
    return tuple(batch), vectors, tuple(content for _, content in batch.values())


def added(digest, batch) -> SamplesAdded:
    return SamplesAdded(*columns(digest, batch))


def staged(digest, batch) -> VectorsStaged:
    return VectorsStaged(digest, *columns(digest, batch))


def assert_alike(found, expected):
    """Two outcomes of `described` are equal, similarities up to rounding."""
    assert found.keys() == expected.keys()
    for sample, (members, similarities) in found.items():
        assert members == expected[sample][0]
        np.testing.assert_allclose(similarities, expected[sample][1], atol=1e-6)


def described(nodes, row_of):
    """Each sample's duplicates, and the sorted similarities of its node's neighbours."""
    members: dict[int, set[str]] = {}
    for sample, row in row_of.items():
        members.setdefault(int(nodes.node_of_row[row]), set()).add(sample)
    assert -1 not in members
    return {
        sample: (
            frozenset(members[int(nodes.node_of_row[row])]),
            nodes.graph.similarities[nodes.node_of_row[row]].copy(),
        )
        for sample, row in row_of.items()
    }


def labels_of(it):
    found = it.labels.columns()
    return {
        (it.ids[row], int(index)) for row, index in zip(found.rows().tolist(), found.classes, strict=True)
    }


class Moving(RuleBasedStateMachine):
    """Two encoders that a dataset goes back and forth between."""

    @initialize()
    def start(self):
        self.tables = tables()
        self.history: list = []
        self.encoder, self.other = OLD, NEW
        self.samples: dict[str, tuple[int, bytes]] = {}
        self.waiting: dict[str, tuple[int, bytes]] = {}
        self.open = False
        self.labels: dict[str, int] = {}

    def happen(self, event):
        self.tables.check(event, LIMITS)
        self.tables.apply(event)
        self.tables.flush()
        self.history.append(event)

    @rule(batch=BATCHES)
    def add_or_change(self, batch):
        self.happen(added(self.encoder, batch))
        for sample, image in batch.items():
            before = self.samples.get(sample)
            same = before and (before[1] == image[1] if image[1] or before[1] else before[0] == image[0])
            if before and not same:
                self.waiting.pop(sample, None)
            self.samples[sample] = image

    @precondition(lambda self: self.samples)
    @rule(data=st.data())
    def remove(self, data):
        gone = data.draw(st.lists(st.sampled_from(sorted(self.samples)), min_size=1, unique=True))
        self.happen(SamplesRemoved(tuple(gone)))
        for sample in gone:
            del self.samples[sample]
            self.waiting.pop(sample, None)
            self.labels.pop(sample, None)

    @precondition(lambda self: self.samples)
    @rule(data=st.data(), index=st.integers(0, 1))
    def label(self, data, index):
        sample = data.draw(st.sampled_from(sorted(self.samples)))
        self.happen(LabelsAdded((sample,), ("x",), (index,), (Trust.VERIFIED,)))
        self.labels[sample] = index

    @precondition(lambda self: self.samples)
    @rule(batch=BATCHES, everything=st.booleans())
    def stage(self, batch, everything):
        chosen = {name: image for name, image in batch.items() if name in self.samples}
        if everything:
            chosen |= {name: (0, b"") for name in self.samples if name not in self.waiting} | chosen
        if chosen:
            self.happen(staged(self.other, chosen))
            self.waiting |= chosen
            self.open = True

    @precondition(lambda self: self.open)
    @rule()
    def discard(self):
        self.happen(VectorsDiscarded(self.other))
        self.waiting, self.open = {}, False

    @precondition(lambda self: self.open)
    @rule()
    def change(self):
        event = EncoderChanged(self.other)
        if self.waiting.keys() != self.samples.keys():
            with pytest.raises(FailedPrecondition) as refusal:
                self.tables.check(event, LIMITS)
            assert refusal.value.reason == "VECTORS_MISSING"
            assert refusal.value.metadata == {
                "limit": str(len(self.samples)),
                "value": str(len(self.waiting)),
            }
            return
        self.happen(event)
        self.samples, self.waiting, self.open = self.waiting, {}, False
        self.encoder, self.other = self.other, self.encoder

    @invariant()
    def is_what_the_model_says(self):
        it = self.tables
        assert it.encoder == Encoder(self.encoder, DIMENSIONS[self.encoder])
        assert (it.staging is not None) == self.open
        if it.staging is not None:
            mask = it.staging.mask(len(it.ids))
            assert {name for name, row in it.row_of.items() if mask[row]} == self.waiting.keys()
            assert mask.sum() == len(it.staging) == len(self.waiting)
        assert labels_of(it) == set(self.labels.items())
        hashes = {name: it.content_hashes[row] for name, row in it.row_of.items()}
        assert hashes == {name: content for name, (_, content) in self.samples.items()}

    @invariant()
    def both_graphs_equal_a_rebuild(self):
        self.equal(self.tables.nodes, self.encoder, self.samples)
        if self.tables.staging is not None:
            self.equal(self.tables.staging.nodes, self.other, self.waiting)

    def equal(self, nodes, digest, samples):
        in_order = [name for name in self.tables.ids if name in samples]
        fresh = tables(digest)
        if in_order:
            fresh.apply(added(digest, {name: samples[name] for name in in_order}))
        fresh.flush()
        rows = {name: self.tables.row_of[name] for name in samples}
        assert_alike(described(nodes, rows), described(fresh.nodes, fresh.row_of))

    @invariant()
    def a_replay_finds_the_same(self):
        """Which flushes the graph once for many events."""
        fresh = tables()
        for event in self.history:
            fresh.apply(event)
        fresh.flush()
        it = self.tables
        assert (fresh.encoder, fresh.ids, fresh.content_hashes) == (it.encoder, it.ids, it.content_hashes)
        assert_alike(described(fresh.nodes, fresh.row_of), described(it.nodes, it.row_of))
        mine, theirs = (t.staging.content_hashes if t.staging else None for t in (it, fresh))
        assert mine == theirs


Moving.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestMoving = Moving.TestCase

ONE = {"s0": (0, b"")}
THIRD = "2" * 64


@pytest.mark.parametrize(
    ("event", "reason", "field"),
    [
        (staged(OLD, ONE), "ENCODER_MISMATCH", "encoder_digest"),
        (VectorsStaged(THIRD, ("s0",), POOLS[NEW][:1], (b"",)), "ENCODER_MISMATCH", "encoder_digest"),
        (VectorsStaged(NEW, ("s0",), POOLS[OLD][:1], (b"",)), "BAD_TENSOR", "vectors.shape"),
        (staged(NEW, ONE | {"nobody": (0, b"")}), "UNKNOWN_SAMPLE", "sample_ids[1]"),
        (EncoderChanged(OLD), "ENCODER_MISMATCH", "encoder_digest"),
        (EncoderChanged(THIRD), "ENCODER_MISMATCH", "encoder_digest"),
        (EncoderChanged(NEW), "VECTORS_MISSING", None),
        (VectorsDiscarded(THIRD), "ENCODER_MISMATCH", "encoder_digest"),
        (added(NEW, ONE), "BAD_TENSOR", "vectors.shape"),
    ],
)
def test_what_does_not_fit_is_refused(event, reason, field):
    it = tables()
    it.apply(added(OLD, {"s0": (0, b""), "s1": (1, b"")}))
    it.apply(staged(NEW, ONE))
    with pytest.raises(ServiceError) as refusal:
        it.check(event, LIMITS)
    assert (refusal.value.reason, refusal.value.field) == (reason, field)


@pytest.mark.parametrize("event", [EncoderChanged(NEW), VectorsDiscarded(NEW)])
def test_where_nothing_waits_nothing_is_expected(event):
    it = tables()
    it.apply(added(OLD, ONE))
    with pytest.raises(FailedPrecondition) as refusal:
        it.check(event, LIMITS)
    assert refusal.value.reason == "ENCODER_MISMATCH"
    assert (refusal.value.metadata["expected"], refusal.value.metadata["value"]) == ("", NEW)
