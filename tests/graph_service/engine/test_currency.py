"""Reads are answered from what is finished, and what is not is made once for all who wait."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from graph_service.engine import dataset
from graph_service.engine.currency import Currency, PropagationFailed
from graph_service.engine.engine import Engine
from graph_service.engine.flags import Cut
from graph_service.engine.rankings import FlagKind
from graph_service.engine.snapshot import Snapshot
from graph_service.events import DatasetCreated, DatasetUpdated, Propagation, Trust
from graph_service.suggestion.strategies import Strategy
from vicinal.wire.errors import Aborted, FailedPrecondition, NotFound

PATIENCE = 30
COUNT = 40


class Made:
    """A snapshot whose beliefs are made when the gate is open."""

    def __init__(self, revision, source):
        self.revision = revision
        self._source = source

    def beliefs(self):
        self._source.began.release()
        assert self._source.gate.wait(PATIENCE)
        if self._source.fails:
            raise MemoryError("too large")


class Source:
    """Where a `Currency` takes snapshots from: the newest revision, and every one that was taken."""

    def __init__(self):
        self.newest = 1
        self.taken = []
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Semaphore(0)
        self.fails = False
        self.currency = Currency("d", self.take, lambda: self.newest)

    def take(self):
        self.taken.append(self.newest)
        return Made(self.newest, self)

    def finish(self, revision):
        """Write up to this revision, and read it."""
        self.newest = revision
        self.currency.reach(revision)
        assert self.began.acquire(timeout=PATIENCE)
        return self

    def hold(self, revision):
        """Write up to this revision, whose propagation will not end before the gate is opened."""
        self.gate.clear()
        self.newest = revision

    def settle(self):
        """Wait until nothing is made in the background any more."""
        for thread in threading.enumerate():
            if thread.name == "propagating d":
                thread.join(PATIENCE)
                assert not thread.is_alive()


@pytest.fixture
def callers():
    with ThreadPoolExecutor(32) as threads:
        yield threads


@pytest.fixture
def source(callers):  # ends before they do, who may wait for it
    source = Source()
    yield source
    source.gate.set()
    source.settle()


def test_a_read_does_not_wait_for_what_is_under_way(source):
    source.finish(3).hold(5)
    for _ in range(10):
        assert source.currency.finished().revision == 3
        assert source.currency.finished(3).revision == 3
    assert source.began.acquire(timeout=PATIENCE)
    assert source.taken == [3, 5]
    source.gate.set()
    source.settle()
    assert source.currency.finished(5).revision == 5


def test_nothing_is_made_before_someone_reads(source):
    source.finish(1)
    source.newest = 9
    source.currency.written()
    source.settle()
    assert source.taken == [1]


def test_a_read_of_what_is_current_makes_nothing(source):
    source.finish(4)
    assert source.currency.finished().revision == 4
    assert source.currency.reach(4)[1] is False
    assert source.taken == [4]


def test_those_who_wait_share_one_propagation(source, callers):
    source.finish(1).hold(20)
    waiting = [callers.submit(source.currency.reach, 2 + i % 19) for i in range(30)]
    assert source.began.acquire(timeout=PATIENCE)
    assert not any(one.done() for one in waiting)
    source.gate.set()
    assert {one.result(PATIENCE)[0].revision for one in waiting} == {20}
    assert all(one.result()[1] for one in waiting)
    assert source.taken == [1, 20]


def test_what_comes_during_a_propagation_is_propagated_together(source, callers):
    source.finish(1).hold(2)
    first = callers.submit(source.currency.reach, 2)
    assert source.began.acquire(timeout=PATIENCE)
    later = []
    for revision in range(3, 13):
        source.newest = revision
        later.append(callers.submit(source.currency.reach, revision))
    source.gate.set()
    assert first.result(PATIENCE)[0].revision == 2
    assert {one.result(PATIENCE)[0].revision for one in later} == {12}
    assert source.taken == [1, 2, 12]


def test_a_read_before_anything_is_finished_waits(source, callers):
    source.hold(1)
    reads = [callers.submit(source.currency.finished) for _ in range(5)]
    assert source.began.acquire(timeout=PATIENCE)
    assert not any(one.done() for one in reads)
    source.gate.set()
    assert {one.result(PATIENCE).revision for one in reads} == {1}
    assert source.taken == [1]


def test_a_failure_reaches_all_who_wait_and_the_next_try_works(source, callers):
    source.finish(1).hold(2)
    source.fails = True
    waiting = [callers.submit(source.currency.reach, 2) for _ in range(8)]
    assert source.began.acquire(timeout=PATIENCE)
    while source.currency._run is None or sum(one.running() for one in waiting) < 8:
        pass
    source.gate.set()
    failures = [type(one.exception(PATIENCE)) for one in waiting]
    assert set(failures) <= {MemoryError, PropagationFailed}
    assert MemoryError in failures
    assert source.currency.finished().revision == 1
    source.fails = False
    assert source.currency.reach(2)[0].revision == 2
    assert source.currency.failed_revision == 0


def test_a_failure_of_an_older_revision_is_no_failure_of_a_newer(source, callers):
    source.finish(1).hold(2)
    source.fails = True
    older = callers.submit(source.currency.reach, 2)
    assert source.began.acquire(timeout=PATIENCE)
    source.newest = 3
    newer = callers.submit(source.currency.reach, 3)
    while not newer.running():
        pass
    gate, source.gate = source.gate, threading.Event()
    gate.set()
    assert isinstance(older.exception(PATIENCE), MemoryError)
    source.fails = False
    source.gate.set()
    assert newer.result(PATIENCE)[0].revision == 3


def test_a_failure_in_the_background_is_not_repeated_for_every_read(source):
    source.finish(1)
    source.fails, source.newest = True, 2
    for _ in range(5):
        assert source.currency.finished().revision == 1
        source.settle()
    assert source.taken == [1, 2]
    source.fails, source.newest = False, 3
    source.currency.finished()
    source.settle()
    assert source.currency.finished(3).revision == 3


def test_who_watches_is_told_and_every_write_is_propagated(source):
    told = threading.Semaphore(0)
    source.finish(1)
    source.currency.watch(told.release)
    for revision in (2, 3):
        source.newest = revision
        source.currency.written()
        assert told.acquire(timeout=PATIENCE)
        source.settle()
        assert source.currency.has(revision)
    source.currency.unwatch(told.release)
    source.newest = 4
    source.currency.written()
    source.settle()
    assert source.taken == [1, 2, 3]


def test_nothing_runs_after_the_close(source):
    told = threading.Semaphore(0)
    source.currency.watch(told.release)
    source.finish(1).hold(2)
    assert told.acquire(timeout=PATIENCE)
    source.currency.finished()
    assert source.began.acquire(timeout=PATIENCE)
    source.currency.close()
    assert told.acquire(timeout=PATIENCE)
    source.newest = 3
    source.gate.set()
    source.settle()
    source.currency.finished()
    source.currency.written()
    source.settle()
    assert source.taken == [1, 2]


def test_what_is_finished_goes_when_the_next_is(source):
    gc.disable()
    try:
        source.finish(1)
        first = weakref.ref(source.currency.finished())
        source.finish(2)
        assert first() is None
        source.fails, source.newest = True, 3
        with pytest.raises(MemoryError):
            source.currency.reach(3)
        second = weakref.ref(source.currency.finished())
        source.settle()
        source.currency.close(forget=True)
        assert second() is None
    finally:
        gc.enable()


# -- the same through the engine -----------------------------------------------------------------------------


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
    monkeypatch.setattr(dataset, "ExactIndex", SimpleNamespace(name="slow"))
    if way == "newest":
        monkeypatch.setattr(dataset, "_MOST_PRODUCTS", 0)
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
