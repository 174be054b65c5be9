"""A snapshot is one revision for good, and the same one after a restart."""

import gc
import weakref

import numpy as np
import pytest

from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.revision import view
from graph_service.engine.revision.snapshot import take
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
from graph_service.flagging import held_out
from graph_service.neighbours.graph import NeighbourGraph
from graph_service.pooling import infer
from graph_service.propagation.adjacency import typical_temperature

CLASSES = ("a", "b", "c", "d")
DIMENSION = 12
COUNT = 160


def blobs(seed, count=COUNT):
    """Vectors around one centre a class, the last class rare, and the class of each."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(len(CLASSES), DIMENSION))
    truth = rng.choice(len(CLASSES), count, p=[0.4, 0.3, 0.25, 0.05])
    return centres[truth] + 0.7 * rng.normal(size=(count, DIMENSION)), truth


def added(ids, vectors):
    kept = to_keep(np.asarray(vectors, np.float32), "vectors", len(ids), DIMENSION)
    return SamplesAdded(tuple(ids), kept, (b"",) * len(ids))


def labelled(ids, classes, trust, annotator=""):
    return LabelsAdded(tuple(ids), (annotator,) * len(ids), tuple(map(int, classes)), (trust,) * len(ids))


def empty(method):
    created = DatasetCreated("d", DIMENSION, "", CLASSES, 5, Propagation(method=method))
    return Tables(created, NeighbourGraph(DIMENSION, 5, index="exact"))


def history():
    """Slots are freed and used again, vectors replaced, and labels of both trusts come and go."""
    vectors, truth = blobs(1)
    more, more_truth = blobs(2, 30)
    ids = [f"s{i}" for i in range(COUNT)]
    new = [f"n{i}" for i in range(30)]
    stated = np.where(np.random.default_rng(3).random(60) < 0.2, (truth[:60] + 1) % 3, truth[:60])
    return [
        added(ids[:90], vectors[:90]),
        labelled(ids[:60], stated, Trust.GIVEN),
        labelled(ids[50:58], truth[50:58], Trust.VERIFIED, "me"),
        SamplesRemoved(tuple(ids[0:30:2])),
        added(ids[90:], vectors[90:]),
        added(ids[60:64], vectors[64:68] + 0.01),
        added(new, more),
        labelled(ids[90:105], truth[90:105], Trust.GIVEN),
        labelled(new[:5], more_truth[:5], Trust.VERIFIED),
        LabelsRemoved((new[0],), ("",)),
        SamplesRemoved((ids[70], new[7])),
    ]


def replayed(events, method, *, at_once):
    """The state after events: flushed after each of them, or once, as after a restart."""
    tables = empty(method)
    for event in events:
        tables.apply(event)
        if not at_once:
            tables.nodes.flush()
    tables.nodes.flush()
    return tables


def by_sample(snapshot):
    nodes = snapshot.view.sample_nodes
    return dict(zip(snapshot.view.ids, snapshot.beliefs().rows[nodes], strict=True))


@pytest.mark.parametrize(("most_sampled", "most_labelled"), [(4096, 8192), (50, 8192), (50, 20)])
@pytest.mark.parametrize("method", Method)
def test_beliefs_are_the_same_after_a_restart(method, most_sampled, most_labelled, monkeypatch):
    """Also where the classifier learns from nodes and labels drawn at random."""
    monkeypatch.setattr(view, "_SAMPLE", most_sampled)
    monkeypatch.setattr(infer, "_MOST_LABELLED", most_labelled)
    live, restarted = (replayed(history(), method, at_once=at_once) for at_once in (False, True))
    assert not np.array_equal(  # slots are dealt out anew, so there is something to see
        take(live, 1, None).view.sample_nodes, take(restarted, 1, None).view.sample_nodes
    )
    before, after = (by_sample(take(tables, 1, None)) for tables in (live, restarted))
    assert list(before) == list(after)
    np.testing.assert_allclose(list(before.values()), list(after.values()), atol=1e-5)


@pytest.mark.parametrize("teachers", [40_000, 20])
def test_suspicion_is_the_same_after_a_restart(teachers, monkeypatch):
    """Also where the critic learns from labels drawn at random."""
    monkeypatch.setattr(held_out, "_TEACHERS", teachers)
    before, after = (
        take(replayed(history(), Method.POOLED, at_once=at_once), 1, None).judging.judgement().wrong
        for at_once in (False, True)
    )
    assert before.max() > 0.5
    np.testing.assert_allclose(before, after, atol=1e-3)


WRITES = {
    "new samples": lambda: [added([f"w{i}" for i in range(400)], blobs(9, 400)[0])],
    "samples that leave": lambda: [SamplesRemoved(tuple(f"s{i}" for i in range(1, 60, 2)))],
    "slots used again": lambda: [
        SamplesRemoved(tuple(f"s{i}" for i in range(0, 8, 2))),
        added([f"w{i}" for i in range(20)], blobs(9, 20)[0]),
    ],
    "samples that move": lambda: [added([f"s{i}" for i in range(50)], blobs(9, 50)[0])],
    "labels": lambda: [
        labelled([f"s{i}" for i in range(110, 150)], blobs(1)[1][110:150], Trust.VERIFIED),
        LabelsRemoved(("s0", "s2"), ("", "")),
    ],
    "settings and classes": lambda: [DatasetUpdated(Method.SYMMETRIZED, 0.5, 3, ("e",))],
}


@pytest.mark.parametrize("writes", WRITES)
@pytest.mark.parametrize("method", [Method.POOLED, Method.PAPER])
def test_later_writes_do_not_reach_a_snapshot(method, writes):
    """Not even one whose beliefs nobody has asked for yet."""
    events = [event for event in history() if not isinstance(event, SamplesRemoved)]
    expected = by_sample(take(replayed(events, method, at_once=False), 1, None))
    tables = replayed(events, method, at_once=False)
    snapshot = take(tables, 1, None)
    for event in WRITES[writes]():
        tables.apply(event)
        tables.nodes.flush()
    later = take(tables, 2, snapshot)
    found = by_sample(snapshot)
    assert list(found) == list(expected)
    np.testing.assert_array_equal(list(found.values()), list(expected.values()))
    if writes != "settings and classes":
        assert not np.array_equal(by_sample(later).get("s100"), found["s100"])


def test_labels_and_settings_share_the_view_and_samples_do_not():
    tables = replayed(history(), Method.POOLED, at_once=True)
    first = take(tables, 1, None)
    tables.apply(labelled(["s80"], [1], Trust.VERIFIED))
    second = take(tables, 2, first)
    assert second.view is first.view
    assert second.view.features() is first.view.features()
    tables.apply(added(["x"], blobs(9, 1)[0]))
    tables.nodes.flush()
    assert take(tables, 3, second).view is not first.view


def test_pooled_beliefs_are_of_all_classes_and_of_everyone():
    """The class that nobody states gets nothing, and verified samples keep theirs."""
    tables = replayed([*history(), DatasetUpdated(None, None, None, ("e",))], Method.POOLED, at_once=True)
    snapshot = take(tables, 1, None)
    rows = by_sample(snapshot)
    assert snapshot.beliefs().rows.shape[1] == 5
    np.testing.assert_allclose([row.sum() for row in rows.values()], 1, rtol=1e-5)
    assert all(row[4] == 0 for row in rows.values())
    truth = blobs(1)[1]
    assert all(rows[f"s{i}"][truth[i]] == 1 for i in range(50, 58))
    unlabelled = [(rows[f"s{i}"], truth[i]) for i in range(105, COUNT)]
    assert np.mean([row.argmax() == index for row, index in unlabelled]) > 0.85


def test_pooled_beliefs_of_all_classes_are_held_once():
    snapshot = take(
        replayed([*history(), labelled(["s80"], [3], Trust.VERIFIED)], Method.POOLED, at_once=True), 1, None
    )
    assert snapshot.beliefs().rows._patches._store.columns[0] is snapshot.beliefs().pooled.beliefs


@pytest.mark.parametrize("method", Method)
def test_a_snapshot_goes_with_its_last_reference(method):
    """Its arrays are large, and the cycle collector counts objects, not bytes."""
    snapshot = take(replayed(history(), method, at_once=True), 1, None)
    snapshot.beliefs()
    snapshot.judging.judgement()
    gone = [weakref.ref(snapshot), weakref.ref(snapshot.view), weakref.ref(snapshot.judging)]
    gc.disable()
    try:
        del snapshot
        assert [one() for one in gone] == [None] * 3
    finally:
        gc.enable()


def test_without_a_label_nobody_believes_anything():
    tables = replayed(history()[:1], Method.POOLED, at_once=True)
    found = take(tables, 1, None).beliefs()
    assert found.pooled is None
    assert not found.rows[:].any()
    assert (found.classes == -1).all()


@pytest.mark.parametrize("method", Method)
def test_temperature_zero_is_left_to_the_method(method):
    tables = replayed(history(), method, at_once=True)
    graph = take(tables, 1, None).view
    typical = typical_temperature(graph.similarities[graph.nodes])
    assert 0.02 < typical < 10
    expected = 0.01 if method is Method.PAPER else typical
    assert graph.temperature(Propagation(method=method)) == expected
    assert graph.temperature(Propagation(method=method, temperature=0.3)) == 0.3
    adj = graph.adjacency(Propagation(method=method))
    same = graph.adjacency(Propagation(method=method, temperature=expected))
    np.testing.assert_array_equal(adj.weights, same.weights)
    other = graph.adjacency(Propagation(method=method, temperature=2 * expected))
    assert not np.array_equal(adj.weights, other.weights)
