"""Reads are answered from what is finished, and what is not is made once for all who wait."""

import gc
import threading
import weakref

import pytest

from graph_service.engine.currency import PropagationFailed

PATIENCE = 30


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


def test_what_follows_a_revision_asked_for_is_made_when_it_is_written(source):
    source.finish(1)
    for revision in (2, 3, 4):
        source.newest = revision
        source.currency.written(soon=True)
        source.settle()
    assert source.taken == [1, 2]
    assert source.currency.at_hand(3) is None
    assert source.currency.at_hand(2).revision == 2
    source.settle()
    assert source.taken == [1, 2, 4]


def test_what_is_finished_is_passed_on_in_the_background(make_source):
    passed = threading.Semaphore(0)
    source = make_source(then=lambda snapshot: passed.release())
    source.finish(1)
    assert passed.acquire(timeout=PATIENCE)
    source.currency.close()
    source.finish(2)
    assert not passed.acquire(blocking=False)


def test_only_the_newest_waits_to_be_passed_on(make_source):
    told, began, gate = [], threading.Event(), threading.Event()

    def then(snapshot):
        told.append(snapshot.revision)
        began.set()
        assert gate.wait(PATIENCE)

    source = make_source(then=then)
    source.finish(1)
    assert began.wait(PATIENCE)
    gc.disable()
    try:
        left = []
        for revision in range(2, 10):
            source.finish(revision)
            left.append(weakref.ref(source.currency.finished()))
        assert [ref() is None for ref in left] == [True] * 7 + [False]
    finally:
        gc.enable()
        gate.set()
    source.settle()
    assert told == [1, 9]


def test_what_is_finished_is_passed_on_though_writes_keep_coming(make_source):
    order = []
    source = make_source(then=lambda snapshot: order.append(("then", snapshot.revision)))
    take = source.take

    def take_and_write():
        order.append(("take", source.newest))
        snapshot = take()
        if source.newest < 5:
            source.newest += 1
            source.currency.written()
        return snapshot

    source.take = source.currency._take = take_and_write
    source.currency.watch(lambda: None)
    source.currency.written()
    source.settle()
    assert order == [(what, revision) for revision in range(1, 6) for what in ("take", "then")]


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
