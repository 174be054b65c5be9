"""What tests of several callers share, and where those of currency take snapshots from."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from graph_service.engine.currency import Currency

PATIENCE = 30


@pytest.fixture
def callers():
    with ThreadPoolExecutor(32) as threads:
        yield threads


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

    def __init__(self, rest=0.0, then=None, takes=0.0):
        self.time = 0.0
        self._takes = takes
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
        self.time += self._takes
        self.taken.append(self.newest)
        return Made(self.newest, self)

    def write(self):
        self.newest += 1
        self.currency.written()

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
        while self.currency._background._is_working:
            assert time.monotonic() < until
            time.sleep(0.001)


@pytest.fixture
def make_source(callers):
    return Source


@pytest.fixture
def source(callers):  # ends before they do, who may wait for it
    source = Source()
    yield source
    source.gate.set()
    source.settle()
