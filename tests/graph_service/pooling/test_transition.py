"""The noise of labels, recovered from labels of known noise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.pooling.transition import transition

NOISE = np.array([[0.7, 0.3, 0.0], [0.05, 0.9, 0.05], [0.2, 0.2, 0.6]])


def labels_of(seed, count, noise=NOISE):
    """True classes, and columns stated through the noise."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, len(noise), count)
    return true, (rng.random((count, 1)) > noise.cumsum(axis=1)[true]).sum(axis=1)


def test_many_labels_show_the_noise():
    true, stated = labels_of(0, 30_000)
    found = transition(np.eye(3, dtype=np.float32)[true], stated)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, NOISE, atol=0.015)


def test_without_labels_nine_of_ten_are_right():
    found = transition(np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
    np.testing.assert_allclose(found, [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])


def test_few_labels_move_it_a_little():
    """One label that is wrong is one of eleven."""
    found = transition(np.eye(3, dtype=np.float32)[[0]], np.array([1]))
    np.testing.assert_allclose(found[0], [9 / 11, 1.5 / 11, 0.5 / 11])
    np.testing.assert_allclose(found[1:], [[0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 60), classes=st.integers(1, 6))
def test_equals_a_loop_and_is_a_distribution(seed, count, classes):
    rng = np.random.default_rng(seed)
    beliefs = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    stated = rng.integers(0, classes, count)
    expected = np.full((classes, classes), 1 / max(classes - 1, 1))
    expected[np.diag_indices(classes)] = 9
    for belief, column in zip(beliefs, stated, strict=True):
        expected[:, column] += belief
    expected /= expected.sum(axis=1, keepdims=True)
    found = transition(beliefs, stated)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (found > 0).all()
    assert found.sum(axis=1) == pytest.approx(1)
