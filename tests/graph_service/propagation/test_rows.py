"""Versions of beliefs that share memory, against copies."""

import threading

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.propagation.rows import DenseRows, HeaviestRows, Patches

NODES = 7


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**16))
def test_every_version_stays_as_it_was(data, seed):
    """Versions are made from any earlier one, so that several follow one and the same."""
    rng = np.random.default_rng(seed)
    rows = rng.random((NODES, 2)).astype(np.float32)
    versions = [(Patches(rows.copy(), rows[:, 0].copy()), rows)]
    for _ in range(data.draw(st.integers(0, 12))):
        before, expected = versions[data.draw(st.integers(0, len(versions) - 1))]
        nodes = np.array(sorted(data.draw(st.sets(st.integers(0, NODES - 1)))), int)
        fresh = rng.random((len(nodes), 2)).astype(np.float32)
        expected = expected.copy()
        expected[nodes] = fresh
        versions.append((before.patched(nodes, fresh, fresh[:, 0]), expected))
    some = rng.integers(0, NODES, 4)
    for version, expected in versions:
        assert len(version) == NODES
        both, first = version.take(slice(None))
        np.testing.assert_array_equal(both, expected)
        np.testing.assert_array_equal(first, expected[:, 0])
        np.testing.assert_array_equal(version.take(some)[0], expected[some])


def test_a_version_costs_what_it_changes():
    first = Patches(np.zeros((100_000, 4), np.float32))
    second = first.patched(np.array([5]), np.ones((1, 4), np.float32))
    third = second.patched(np.array([7]), np.ones((1, 4), np.float32))
    assert second._store is third._store
    assert first._store is not second._store  # what was given has no room


def test_many_threads_may_go_on_from_one_version():
    base = Patches(np.zeros((50, 1))).patched(np.array([0]), np.ones((1, 1)))
    found = {}

    def change(value):
        mine = base
        for node in range(50):
            mine = mine.patched(np.array([node]), np.full((1, 1), value))
        found[value] = mine

    threads = [threading.Thread(target=change, args=(value,)) for value in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((version.take(slice(None))[0] == value).all() for value, version in found.items())


def test_dense_rows_of_some_classes():
    beliefs = np.array([[0.25, 0.75], [0, 0]], np.float32)
    rows = DenseRows(Patches(beliefs), np.array([1, 3]), 5)
    assert rows.shape == (2, 5)
    np.testing.assert_array_equal(rows[:], [[0, 0.25, 0, 0.75, 0], [0] * 5])
    np.testing.assert_array_equal(rows.patched(np.array([1]), beliefs[:1])[np.array([1])], rows[:1])


def test_heaviest_rows():
    """A class whose belief is 0 means nothing, whatever it is."""
    classes = np.array([[3, 1, 3], [3, 3, 3]], np.uint16)
    beliefs = np.array([[0.75, 0.25, 0], [0, 0, 0]], np.float32)
    rows = HeaviestRows(Patches(classes, beliefs), 5)
    assert (len(rows), rows.shape) == (2, (2, 5))
    np.testing.assert_array_equal(rows[:], [[0, 0.25, 0, 0.75, 0], [0] * 5])
    later = rows.patched(np.array([1]), classes[:1], beliefs[:1])
    np.testing.assert_array_equal(later[np.array([1, 0])], rows[np.array([0, 0])])
