"""Beliefs carried on from revision to revision, against those of a revision that stands alone."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.revision import believing
from graph_service.engine.revision.snapshot import Snapshot, take
from graph_service.engine.state.tables import Tables
from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    LabelsAdded,
    LabelsRemoved,
    Method,
    Propagation,
    SamplesAdded,
    SamplesRemoved,
    Trust,
)
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.seeds import Seeds
from graph_service.propagation.states import Dense
from graph_service.suggestion.uncertainty import narrowness

DIMENSION = 6
ANNOTATORS = ("", "another")


class Revisions(RuleBasedStateMachine):
    """Samples and labels come, change and go; every revision is asked, and old ones now and then again."""

    @initialize(
        method=st.sampled_from([Method.PAPER, Method.SYMMETRIZED]),
        temperature=st.sampled_from([0.05, 0.3, 0.0]),
        steps=st.sampled_from([2, 20]),
        classes=st.sampled_from([3, 70]),
    )
    def begin(self, method, temperature, steps, classes):
        settings = Propagation(method=method, temperature=temperature, steps=steps)
        names = tuple(f"c{i}" for i in range(classes))
        created = DatasetCreated("d", DIMENSION, "", names, 3, settings)
        self.tables = Tables(created, NeighbourGraph(DIMENSION, 3, index="exact"))
        self.revision, self.count = 0, 0
        self.labels = set()
        self.snapshots = []
        self.add_samples(12, 0)

    def apply(self, event):
        self.tables.apply(event)
        self.tables.flush()
        self.revision += 1
        before = self.snapshots[-1] if self.snapshots else None
        self.snapshots.append(take(self.tables, self.revision, before))

    @rule(count=st.integers(1, 4), seed=st.integers(0, 1000))
    def add_samples(self, count, seed):
        vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
        ids = tuple(f"s{self.count + i}" for i in range(count))
        self.count += count
        self.apply(SamplesAdded(ids, to_keep(vectors, "vectors", count, DIMENSION), (b"",) * count))

    @rule(data=st.data())
    def remove_a_sample(self, data):
        sample = data.draw(st.sampled_from(sorted(self.tables.row_of)))
        if len(self.tables.row_of) > 5:
            self.labels = {label for label in self.labels if label[0] != sample}
            self.apply(SamplesRemoved((sample,)))

    @rule(data=st.data(), trust=st.sampled_from(Trust), annotator=st.sampled_from(ANNOTATORS))
    def add_labels(self, data, trust, annotator):
        samples = data.draw(st.sets(st.sampled_from(sorted(self.tables.row_of)), min_size=1, max_size=3))
        classes = tuple(data.draw(st.integers(0, len(self.tables.classes) - 1)) for _ in samples)
        self.labels |= {(sample, annotator) for sample in samples}
        count = len(samples)
        self.apply(LabelsAdded(tuple(samples), (annotator,) * count, classes, (trust,) * count))

    @precondition(lambda self: self.labels)
    @rule(data=st.data())
    def remove_a_label(self, data):
        label = data.draw(st.sampled_from(sorted(self.labels)))
        self.labels.remove(label)
        self.apply(LabelsRemoved((label[0],), (label[1],)))

    @rule()
    def add_a_class(self):
        self.apply(DatasetUpdated(None, None, None, (f"more{self.revision}",)))

    @rule(steps=st.sampled_from([1, 20]))
    def change_the_steps(self, steps):
        self.apply(DatasetUpdated(None, None, steps, ()))

    @rule(data=st.data())
    def ask_an_old_one(self, data):
        self.check(data.draw(st.sampled_from(self.snapshots)))

    @invariant()
    def the_newest_is_right(self):
        if self.snapshots:
            self.check(self.snapshots[-1])

    def check(self, asked):
        # Beliefs are made once a snapshot; another of the same revision asks the shared propagation again.
        given = asked.revision, asked.propagation, asked.classes, asked.view, asked.labels
        carried = Snapshot(*given, running=asked.running)
        found = carried.beliefs()
        alone = Snapshot(*given).beliefs()
        bound = (
            2 * ((1 + Dense.tolerance) ** asked.propagation.steps - 1)
            + 0.05 * (len(asked.classes) > 64)
            + 1e-4
        )
        rows, expected = found.rows[:], alone.rows[:]
        assert np.abs(rows - expected).sum(axis=1).max(initial=0) <= bound
        np.testing.assert_array_equal(found.classes >= 0, alone.classes >= 0)
        np.testing.assert_array_equal(rows.sum(axis=1) > 0, found.classes >= 0)
        reached = np.flatnonzero(found.classes >= 0)
        np.testing.assert_array_equal(rows[reached, found.classes[reached]], found.confidences[reached])
        np.testing.assert_array_equal(rows[reached].max(axis=1), found.confidences[reached])
        np.testing.assert_allclose(carried.narrowness(), narrowness(rows), atol=1e-6)
        lead = np.sort(expected, axis=1)
        clear = lead[:, -1] - lead[:, -2] > 2 * bound
        np.testing.assert_array_equal(found.classes[clear], alone.classes[clear])


TestRevisions = Revisions.TestCase
TestRevisions.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


def clusters(n=3_000, classes=100, k=6):
    """Lists within clusters, one a class, with some neighbours in others."""
    rng = np.random.default_rng(0)
    truth = np.sort(rng.integers(0, classes, n))
    starts, sizes = np.searchsorted(truth, truth), np.bincount(truth)[truth]
    inside = starts[:, None] + rng.integers(1, sizes[:, None], (n, k)) * 1
    inside = starts[:, None] + (np.arange(n)[:, None] - starts[:, None] + inside) % sizes[:, None]
    strays = rng.random((n, k)) < 0.1
    neighbours = np.where(strays, rng.integers(0, n, (n, k)), inside)
    neighbours[neighbours == np.arange(n)[:, None]] = -1
    neighbours = np.sort(neighbours, axis=1)
    neighbours[:, 1:][neighbours[:, 1:] == neighbours[:, :-1]] = -1
    return neighbours.astype(np.int32), rng.uniform(0.6, 1, (n, k)).astype(np.float32), truth


def labels(truth, count):
    nodes = np.random.default_rng(1).permutation(len(truth))[:count]
    return Seeds.stated(nodes, truth[nodes], nodes % 3 > 0)


def test_the_heaviest_classes_decide_as_all_do(monkeypatch):
    neighbours, cosines, truth = clusters()
    adj = adjacency(neighbours, cosines, method=Method.SYMMETRIZED, temperature=0.1)
    kept = believing.believed(adj, labels(truth, 400), 100, 20)
    monkeypatch.setattr(believing, "_DENSE", 100)
    whole = believing.believed(adj, labels(truth, 400), 100, 20)
    assert not whole.missing.any()
    assert (kept.classes == whole.classes).mean() > 0.995
    first, second = np.sort(kept.rows[:], axis=1)[:, [-1, -2]].T
    sure = (first - second) * (1 - kept.missing) > kept.missing + 1e-4
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(kept.classes[sure], whole.classes[sure])


@pytest.mark.parametrize("classes", [40, 100])
@pytest.mark.parametrize("temperature", [0.1, 0.005])
def test_carried_on_equals_alone_whatever_the_temperature(classes, temperature):
    """At 0.005 float32 does not suffice: few classes are then propagated anew each time."""
    neighbours, cosines, truth = clusters(600, 40)
    adj = adjacency(neighbours, cosines, method=Method.PAPER, temperature=temperature)
    running = believing.Running()
    for count in (1, 50, 51, 40, 300):
        found = running.believed(adj, labels(truth, count), classes, 20)
        alone = believing.believed(adj, labels(truth, count), classes, 20)
        apart = np.abs(found.rows[:] - alone.rows[:]).sum(axis=1)
        assert apart.max() < 2 * ((1 + Dense.tolerance) ** 20 - 1)
        assert apart.mean() < 0.02
        np.testing.assert_array_equal(found.classes < 0, alone.classes < 0)


def test_without_room_for_all_steps_each_revision_is_a_full_run(monkeypatch):
    neighbours, cosines, truth = clusters(600, 40)
    adj = adjacency(neighbours, cosines, method=Method.PAPER, temperature=0.1)
    monkeypatch.setattr(believing, "_KEPT_BYTES", 1000)
    running = believing.Running()
    for count in (10, 11):
        found = running.believed(adj, labels(truth, count), 40, 20)
        alone = believing.believed(adj, labels(truth, count), 40, 20)
        np.testing.assert_array_equal(found.rows[:], alone.rows[:])


def test_after_an_update_that_failed_halfway_the_next_is_a_full_run(monkeypatch):
    neighbours, cosines, truth = clusters(600, 40)
    adj = adjacency(neighbours, cosines, method=Method.PAPER, temperature=0.1)
    running = believing.Running()
    running.believed(adj, labels(truth, 50), 40, 20)

    def fail(*asked):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Dense, "follow", fail)
        with pytest.raises(MemoryError):
            running.believed(adj, labels(truth, 60), 40, 20)
    found = running.believed(adj, labels(truth, 60), 40, 20)
    alone = believing.believed(adj, labels(truth, 60), 40, 20)
    np.testing.assert_allclose(found.rows[:], alone.rows[:], atol=1e-6)
