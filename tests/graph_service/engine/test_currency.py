"""Reads are answered from what is finished, and what is not is made once for all who wait."""

import gc
import threading
import time
import weakref

import pytest

from graph_service.engine.currency import Currency, PropagationFailed

PATIENCE = 30


class Made:
    """A snapshot whose beliefs are made when the gate is open."""

    version = 7

    def __init__(self, revision, source):
        self.revision = revision
        self._source = source

    def at(self, revision):
        return Made(revision, self._source)

    def beliefs(self):
        self._source.began.release()
        assert self._source.gate.wait(PATIENCE)
        if self._source.fails:
            raise MemoryError("too large")


class Source:
    """Where a `Currency` takes snapshots from: the newest revision, and every one that was taken."""

    def __init__(self, rest=0.0, then=None):
        self.time = 0.0
        self.newest = 1
        self.taken = []
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Semaphore(0)
        self.fails = False
        self.currency = Currency(
            "d", self.take, lambda: self.newest, Made.beliefs, then=then, rest=rest, clock=lambda: self.time
        )

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
        """Wait until nothing is done in the background any more."""
        until = time.monotonic() + PATIENCE
        while self.currency._is_working:
            assert time.monotonic() < until
            time.sleep(0.001)


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


def test_what_is_finished_is_passed_on_in_the_background():
    passed = threading.Semaphore(0)
    source = Source(then=lambda snapshot: passed.release())
    source.finish(1)
    assert passed.acquire(timeout=PATIENCE)
    source.currency.close()
    source.finish(2)
    assert not passed.acquire(blocking=False)


def test_only_the_newest_waits_to_be_passed_on():
    told, began, gate = [], threading.Event(), threading.Event()

    def then(snapshot):
        told.append(snapshot.revision)
        began.set()
        assert gate.wait(PATIENCE)

    source = Source(then=then)
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


def test_what_is_finished_is_passed_on_though_writes_keep_coming():
    order = []
    source = Source(then=lambda snapshot: order.append(("then", snapshot.revision)))
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


class Slow(Source):
    """One where everything takes ten seconds, and is rested after for thirty."""

    def __init__(self):
        super().__init__(rest=3.0)

    def take(self):
        self.time += 10
        return super().take()

    def write(self):
        self.newest += 1
        self.currency.written()


@pytest.fixture
def slow(callers):
    slow = Slow()
    slow.currency.reach(1)
    yield slow
    slow.currency.close()
    slow.settle()


def test_what_takes_long_is_not_made_anew_at_once(slow):
    slow.write()
    for _ in range(5):
        assert slow.currency.finished().revision == 1
    assert slow.taken == [1]


def test_after_the_rest_it_is_made_anew_without_waiting(slow):
    slow.write()
    slow.time += 30
    assert slow.currency.finished().revision == 1
    slow.settle()
    assert slow.currency.finished().revision == 2


def test_what_was_out_of_date_for_too_long_is_waited_for(slow):
    slow.write()
    slow.time += 81  # twice ten seconds and thirty
    assert not slow.currency.has(0)
    assert slow.currency.finished().revision == 2


def test_what_was_out_of_date_for_too_long_is_not_good_enough_for_who_names_an_old_revision(slow):
    slow.write()
    slow.time += 81
    assert slow.currency.finished(1).revision == 2


def test_what_was_out_of_date_for_too_long_is_let_go(slow):
    first = weakref.ref(slow.currency.finished())
    slow.write()
    slow.time += 79
    slow.write()
    assert first() is not None
    slow.time += 2
    slow.write()
    assert first() is None


def test_what_is_current_does_not_age(slow):
    slow.time += 10_000
    assert slow.currency.finished().revision == 1
    assert slow.taken == [1]


def test_what_only_leases_followed_does_not_age(callers):
    slow = Slow()
    take = slow.take

    def take_while_a_lease_is_written():
        snapshot = take()
        slow.newest += 1
        slow.currency.passed_on(Made.version, slow.newest)
        return snapshot

    slow.currency._take = take_while_a_lease_is_written
    assert slow.currency.finished().revision == 1
    slow.newest += 1
    slow.currency.passed_on(Made.version, slow.newest)
    slow.time += 10_000
    assert slow.currency.finished().revision == slow.newest == 3
    assert slow.taken == [1]


def test_a_run_that_began_earlier_does_not_take_back_what_was_passed_on(source):
    source.finish(1)
    take = source.take

    def take_while_leases_are_written():
        snapshot = take()
        for _ in range(2):
            source.newest += 1
            source.currency.passed_on(Made.version, source.newest)
        return snapshot

    source.newest = 2
    source.currency._take = take_while_leases_are_written
    assert source.currency.reach(2)[0].revision == 2
    assert source.currency.finished().revision == 4


def test_who_names_a_revision_waits_for_no_rest(slow):
    slow.write()
    assert slow.currency.finished(2).revision == 2


def test_a_close_ends_a_rest(slow):
    slow.write()
    slow.currency.finished()
    slow.currency.close()
    slow.settle()
    assert slow.taken == [1]
