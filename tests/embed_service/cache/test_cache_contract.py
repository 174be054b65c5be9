"""What both caches promise: what is got is what was put, and the least recently used goes first."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from embed_service.cache.choice import open_cache
from embed_service.cache.disk import LEAST_BYTES, DiskCache
from embed_service.cache.memory import MemoryCache

ENCODERS = ["0" * 64, "f" * 64]
KINDS = {
    "memory": lambda folder, limit: MemoryCache(limit),
    "disk": lambda folder, limit: DiskCache(folder, limit),
}
VECTORS = arrays.arrays(
    np.float32, st.integers(1, 64), elements=st.floats(-1, 1, width=32, allow_subnormal=True)
)


def content(number):
    return hashlib.sha256(str(number).encode()).digest()


def vector(number, dimension=384):
    return np.random.default_rng(number).normal(size=dimension).astype(np.float32)


@pytest.fixture(params=KINDS)
def make(request, tmp_path):
    """Opens caches of one kind; `make(limit)` again opens the same folder."""
    return lambda limit=8 * LEAST_BYTES: KINDS[request.param](tmp_path / "cache", limit)


@given(value=VECTORS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_a_vector_comes_back_bit_for_bit(make, value):
    with closing(make()) as cache:
        cache.put(ENCODERS[0], content(0), value)
        got = cache.get(ENCODERS[0], content(0))
    assert got.dtype == np.float32
    assert got.tobytes() == value.tobytes()


def test_what_was_put_is_a_copy_that_nobody_can_write_to(make):
    with closing(make()) as cache:
        value = vector(0)
        cache.put(ENCODERS[0], content(0), value)
        value[:] = 0
        got = cache.get(ENCODERS[0], content(0))
        assert (got == vector(0)).all()
        with pytest.raises(ValueError, match="read-only"):
            got[:] = 0


def test_encoders_and_contents_are_told_apart(make):
    with closing(make()) as cache:
        cache.put(ENCODERS[0], content(0), vector(0))
        assert cache.get(ENCODERS[1], content(0)) is None
        assert cache.get(ENCODERS[0], content(1)) is None
        cache.put(ENCODERS[1], content(0), vector(1, dimension=7))
        assert (cache.get(ENCODERS[0], content(0)) == vector(0)).all()
        assert (cache.get(ENCODERS[1], content(0)) == vector(1, dimension=7)).all()


def test_a_closed_cache_is_empty_and_takes_nothing(make):
    cache = make()
    cache.put(ENCODERS[0], content(0), vector(0))
    cache.close()
    cache.close()
    cache.put(ENCODERS[0], content(1), vector(1))
    assert [cache.get(ENCODERS[0], content(number)) for number in range(2)] == [None, None]


def test_the_least_recently_used_goes_first(make):
    count = 2 * LEAST_BYTES // vector(0).nbytes
    with closing(make(LEAST_BYTES)) as cache:
        for number in range(count):
            cache.put(ENCODERS[0], content(number), vector(number))
            assert cache.get(ENCODERS[0], content(0)) is not None, "used all the time, yet gone"
    with closing(make(LEAST_BYTES)) as cache:
        if isinstance(cache, DiskCache):
            kept = [number for number in range(count) if cache.get(ENCODERS[0], content(number)) is not None]
            assert 0 in kept
            assert kept[1:] == list(range(kept[1], count)), "a younger one went before an older"
            assert len(kept) > count // 4, "much room is left unused"


def test_putting_again_is_a_use(make):
    def reopened(cache):
        if isinstance(cache, MemoryCache):
            return cache
        cache.close()
        return make(LEAST_BYTES)

    cache = make(LEAST_BYTES)
    for numbers in (range(100), [0], range(100, 530)):  # a few dozen more than there is room for
        for number in numbers:
            cache.put(ENCODERS[0], content(number), vector(number))
        cache = reopened(cache)
    assert cache.get(ENCODERS[0], content(1)) is None
    assert cache.get(ENCODERS[0], content(0)) is not None
    cache.close()


def test_many_threads_get_what_was_put(make):
    wrong = []

    def work(first):
        for number in range(first, first + 200):
            cache.put(ENCODERS[0], content(number), vector(number))
            for known in (first, number):
                got = cache.get(ENCODERS[0], content(known))
                if got is None or (got != vector(known)).any():
                    wrong.append(known)

    with closing(make()) as cache:
        threads = [threading.Thread(target=work, args=(100 * number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


class Model(RuleBasedStateMachine):
    """A cache beside a dict that is never too small, with its keys in order of use."""

    kind = "memory"
    limit = LEAST_BYTES

    @initialize()
    def open(self):
        self.folder = Path(tempfile.mkdtemp(prefix="vicinal-test-"))
        self.cache = KINDS[self.kind](self.folder, self.limit)
        self.known = {}

    def use(self, key, value):
        self.known.pop(key, None)
        self.known[key] = value

    @rule(
        encoder=st.sampled_from(ENCODERS), number=st.integers(0, 30), size=st.sampled_from([1, 3000, 30_000])
    )
    def put(self, encoder, number, size):
        value = vector(number + size, size)
        self.cache.put(encoder, content(number), value)
        self.use((encoder, content(number)), value)

    @rule(encoder=st.sampled_from(ENCODERS), number=st.integers(0, 30))
    def get(self, encoder, number):
        key = (encoder, content(number))
        got = self.cache.get(*key)
        if key not in self.known:
            assert got is None, "never put"
        elif got is None:
            del self.known[key]  # evicted; put again it is new
        else:
            assert got.tobytes() == self.known[key].tobytes()
            self.use(key, got)

    @rule()
    def all_that_is_kept_is_younger_than_all_that_is_gone(self):
        found = [(key, self.cache.get(*key)) for key in list(self.known)]
        there = [value is not None for _, value in found]
        assert there == sorted(there)
        for key, value in found:
            if value is None:
                del self.known[key]
            else:
                assert value.tobytes() == self.known[key].tobytes()
                self.use(key, value)

    @precondition(lambda self: self.kind == "disk")
    @rule()
    def restart(self):
        self.cache.close()
        assert (self.folder / "vectors.db").stat().st_size <= self.limit
        self.cache = KINDS[self.kind](self.folder, self.limit)

    @invariant()
    def small_ones_are_all_kept(self):
        if sum(value.nbytes for value in self.known.values()) < self.limit // 4:
            for key in list(self.known)[:3]:
                assert self.cache.get(*key) is not None
                self.use(key, self.known[key])

    def teardown(self):
        if hasattr(self, "cache"):
            self.cache.close()
            shutil.rmtree(self.folder)


@pytest.mark.parametrize("kind", KINDS)
def test_any_sequence_of_calls_agrees_with_a_dict(kind):
    machine = type("Machine", (Model,), {"kind": kind})
    steps = settings(max_examples=15, stateful_step_count=30, deadline=None)
    run_state_machine_as_test(machine, settings=steps)


def test_no_bytes_mean_no_cache(tmp_path):
    cache = open_cache(tmp_path / "cache", 0)
    cache.put(ENCODERS[0], content(0), vector(0))
    assert cache.get(ENCODERS[0], content(0)) is None
    assert not (tmp_path / "cache").exists()


def test_only_who_names_a_folder_gets_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_cache(None, None), MemoryCache)
    assert list(tmp_path.iterdir()) == []
    with closing(open_cache(tmp_path / "deep" / "cache", None)) as cache:
        assert isinstance(cache, DiskCache)


def test_a_bound_too_small_for_a_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 1048576 bytes, not 1000"):
        open_cache(tmp_path, 1000)
