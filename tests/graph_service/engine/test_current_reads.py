"""Every read of beliefs through the engine, while others write and propagations are under way."""

import gc
import threading
import weakref
from contextlib import closing, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from graph_service.engine.answers import searching
from graph_service.engine.answers.flags import Cut
from graph_service.engine.engine import Engine
from graph_service.engine.revision.rankings import FlagKind
from graph_service.engine.revision.snapshot import Snapshot
from graph_service.events import DatasetCreated, DatasetUpdated, Propagation, Trust
from graph_service.suggestion.strategies import Strategy
from vicinal.wire.errors import Aborted, FailedPrecondition, NotFound

PATIENCE = 30
COUNT = 40


@pytest.fixture
def engine(store):
    engine = Engine(store)
    engine.open()
    engine.create_dataset("new", DatasetCreated("d", 6, "", ("a", "b"), 4, Propagation()))
    add(engine, COUNT)
    label(engine, {"s0": 0, "s1": 1})
    with closing(engine):
        yield engine


@pytest.fixture
def stuck(callers):
    """Once `stuck()` was called, propagations do not end before the test does."""
    real, gate, began = Snapshot.__dict__["beliefs"], threading.Event(), threading.Event()

    def block():
        def beliefs(snapshot):
            value = real.__get__(snapshot, Snapshot)
            if value.made:
                return value

            def wait():
                began.set()
                assert gate.wait(PATIENCE)
                return value()

            return wait

        Snapshot.beliefs = property(beliefs)
        return began

    yield block
    Snapshot.beliefs = real
    gate.set()


def add(engine, count, prefix="s", dimension=6):
    vectors = np.random.default_rng(0).normal(size=(count, dimension))
    ids = [f"{prefix}{i}" for i in range(count)]
    return engine.add_samples(
        "d", f"add {prefix}", sample_ids=ids, vectors=vectors, encoder_digest="", content_hashes=()
    )


def label(engine, classes):
    stated = [(sample, "me", "ab"[index], Trust.VERIFIED) for sample, index in classes.items()]
    return engine.add_labels("d", f"label {classes}", stated)


READS = {
    "suggest": lambda engine, least: engine.suggest_samples(
        "d", least, strategy=Strategy.AUTO, count=3, audit_share=0.5, seed=1, exclude=()
    ),
    "accuracy": lambda engine, least: engine.estimate_accuracy("d", least, target=0.9, level=0.9),
    "flags": lambda engine, least: engine.flag_errors(
        "d",
        least,
        kind=FlagKind.NEAR_DUPLICATE,
        cut=Cut(),
        evidence_count=2,
        page_size=10,
        page_token="",
    )[0],
    "classify": lambda engine, least: engine.classify(
        "d", least, vectors=np.eye(6), encoder_digest="", neighbours=None, include_beliefs=False
    ),
    "export": lambda engine, least: engine.export_beliefs(
        "d", least, include_beliefs=False, page_size=5, page_token=""
    )[0],
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("what", ["labels", "samples"])
def test_reads_are_answered_during_a_propagation(engine, stuck, callers, read, what):
    first = engine.propagate("d", 0).revision
    READS[read](engine, 0)  # which for the accuracy takes propagations of its own
    began = stuck()
    write = label(engine, {"s2": 1}) if what == "labels" else add(engine, 7, "new")
    assert READS[read](engine, 0).revision == first
    assert began.wait(PATIENCE)
    assert READS[read](engine, 0).revision == first
    waiting = callers.submit(READS[read], engine, write)
    assert callers.submit(READS[read], engine, first).result(PATIENCE).revision == first
    assert not waiting.done()


@pytest.mark.parametrize("read", READS)
def test_reads_are_answered_while_a_write_is_applied(engine, read):
    first = engine.propagate("d", 0).revision
    with engine._datasets.get("d")._lock:
        assert READS[read](engine, 0).revision == first
        assert engine.get_dataset("d").revision == first
    with pytest.raises(Aborted, match="min_revision"):
        READS[read](engine, first + 1)


@pytest.mark.parametrize("read", READS)
def test_own_writes_are_read(engine, read):
    READS[read](engine, 0)
    for i in range(2, 6):
        revision = label(engine, {f"s{i}": 1})
        assert READS[read](engine, revision).revision == revision


def test_propagate_is_of_the_newest(engine):
    first = engine.propagate("d", 0)
    assert first.seconds > 0
    assert engine.propagate("d", 0).seconds == 0
    revision = label(engine, {"s2": 1})
    assert engine.propagate("d", 0).revision == revision
    assert engine.propagate("d", first.revision).revision == revision


def test_listings_are_of_the_newest(engine):
    engine.propagate("d", 0)
    revision = label(engine, {"s2": 1})
    labels, _ = engine.list_labels("d", 0, page_size=10, page_token="")
    assert (labels.revision, labels.total_count) == (revision, 3)


def test_classify_finds_the_nearest_of_the_state_it_answers_from(engine, stuck):
    """Also when the index has moved on: samples that came later have no vote, those that left have one."""
    query = {"vectors": np.eye(6), "encoder_digest": "", "neighbours": 5, "include_beliefs": True}
    engine.propagate("d", 0)
    before = engine.classify("d", 0, **query)
    stuck()
    add(engine, 30, "new")
    engine.remove_samples("d", "remove", [f"s{i}" for i in range(0, COUNT, 2)])
    after = engine.classify("d", 0, **query)
    assert after.revision == before.revision
    np.testing.assert_allclose(after.beliefs, before.beliefs, atol=1e-6)


@pytest.mark.parametrize("way", ["index", "busy index", "newest"])
def test_classify_agrees_whatever_finds_the_nearest(engine, monkeypatch, way):
    """As with an index that is quicker than looking at all vectors."""
    query = {"vectors": np.eye(6), "encoder_digest": "", "neighbours": 5, "include_beliefs": True}
    first = engine.propagate("d", 0).revision
    expected = engine.classify("d", 0, **query).beliefs
    monkeypatch.setattr(searching, "ExactIndex", SimpleNamespace(name="slow"))
    if way == "newest":
        monkeypatch.setattr(searching, "_MOST_PRODUCTS", 0)
        first = engine.update_dataset("d", "update", DatasetUpdated(None, None, None, ()))
    with engine._datasets.get("d")._lock if way == "busy index" else nullcontext():
        found = engine.classify("d", 0, **query)
    assert found.revision == first
    np.testing.assert_allclose(found.beliefs, expected, atol=1e-6)


def test_classify_follows_a_change_of_encoder(engine):
    """Vectors of the new encoder are not refused because the old one's beliefs are still read."""
    engine.propagate("d", 0)
    digest = "e" * 64
    ids = [f"s{i}" for i in range(COUNT)]
    vectors = np.random.default_rng(3).normal(size=(COUNT, 9))
    staged = {"sample_ids": ids, "vectors": vectors, "encoder_digest": digest, "content_hashes": ()}
    engine.stage_vectors("d", "stage", **staged)
    revision = engine.change_encoder("d", "change", digest)
    query = {"neighbours": None, "include_beliefs": False}
    found = engine.classify("d", 0, vectors=np.eye(9), encoder_digest=digest, **query)
    assert found.revision == revision
    with pytest.raises(FailedPrecondition, match="encoder"):
        engine.classify("d", 0, vectors=np.eye(6), encoder_digest="", **query)


def test_a_deleted_dataset_is_let_go_of(engine, callers, stuck):
    revision = engine.propagate("d", 0).revision
    snapshot = weakref.ref(engine._datasets.get("d").finished())
    engine.export_beliefs("d", 0, include_beliefs=False, page_size=5, page_token="")
    began = stuck()
    label(engine, {"s2": 1})
    waiting = callers.submit(engine.propagate, "d", 0)
    assert began.wait(PATIENCE)
    gc.disable()
    try:
        engine.delete_dataset("d")
        assert snapshot() is None
    finally:
        gc.enable()
    with pytest.raises(NotFound):
        engine.propagate("d", revision)
    assert not waiting.done()


def test_everyone_reads_what_he_wrote(engine, callers):
    def annotate(number):
        revision = label(engine, {f"s{number}": number % 2})
        assert engine.propagate("d", revision).revision >= revision
        return revision

    revisions = list(callers.map(annotate, range(COUNT)))
    assert len(set(revisions)) == COUNT
    assert READS["export"](engine, 0).revision == max(revisions)
