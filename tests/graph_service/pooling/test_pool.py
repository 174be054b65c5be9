"""The pool against a loop over nodes in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax as scipy_softmax

from graph_service.events import Method
from graph_service.linear.panels import NEVER
from graph_service.pooling.pool import pool, softmax
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.lanes import lane_rows


def slow_pool(adj, own, clamped, clamped_rows):
    """B_i ∝ exp(own_i) · Π_j (B_j + 0.001)^(0.7 P_ij), six times over, from B = softmax(own)."""
    rows = scipy_softmax(own.astype(float), axis=1)
    rows[clamped] = clamped_rows
    for _ in range(6):
        following = rows.copy()
        for i in range(len(adj)):
            entries = slice(adj.indptr[i], adj.indptr[i + 1])
            scores = np.exp(own[i].astype(float) - own[i].max())
            for j, share in zip(adj.indices[entries], adj.weights[entries], strict=True):
                scores *= (rows[j] + 0.001) ** (0.7 * share)
            following[i] = scores / scores.sum()
        rows = following
        rows[clamped] = clamped_rows
    return rows


def evidence(seed, n, classes, share):
    rng = np.random.default_rng(seed)
    own = (4 * rng.normal(size=(n, classes)) + 10 * rng.normal(size=(n, 1))).astype(np.float32)
    clamped = np.flatnonzero(rng.random(n) < share)
    return own, clamped, np.eye(classes, dtype=np.float32)[rng.integers(0, classes, len(clamped))]


def pooled(adj, own, clamped, rows):
    """The pool of plain rows of evidence."""
    padded = lane_rows(*own.shape)
    padded[:] = NEVER
    padded[:, : own.shape[1]] = own
    before = padded.copy()
    found = pool(adj, padded, clamped, rows)
    np.testing.assert_array_equal(padded, before)
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 25),
    k=st.integers(1, 5),
    classes=st.sampled_from([1, 2, 10, 17, 70, 150, 300]),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    temperature=st.sampled_from([0.02, 0.5]),
)
def test_equals_the_loop(random_neighbours, seed, n, k, classes, share, temperature):
    lists = random_neighbours(seed, n, k, 0.0, 0.2)
    adj = adjacency(*lists, method=Method.POOLED, temperature=temperature)
    own, clamped, rows = evidence(seed, n, classes, share)
    found = pooled(adj, own, clamped, rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow_pool(adj, own, clamped, rows), atol=1e-5)
    np.testing.assert_array_equal(found[clamped], rows)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_who_is_alone_keeps_to_its_own_evidence():
    nobody = np.full((4, 3), -1, np.int32), np.full((4, 3), -np.inf, np.float32)
    adj = adjacency(*nobody, method=Method.POOLED, temperature=0.1)
    own, _, _ = evidence(1, 4, 5, 0)
    found = pooled(adj, own, np.zeros(0, np.int64), np.zeros((0, 5), np.float32))
    np.testing.assert_allclose(found, scipy_softmax(own.astype(float), axis=1), atol=1e-6)


def test_one_neighbour_has_no_veto():
    """Clamped to another class, it costs a node that is sure of its own very little."""
    pair = np.array([[1], [0]], np.int32), np.ones((2, 1), np.float32)
    adj = adjacency(*pair, method=Method.POOLED, temperature=0.1)
    own = np.array([[0, 12], [0, 0]], np.float32)
    found = pooled(adj, own, np.array([1]), np.array([[1, 0]], np.float32))
    assert found[0, 1] > 0.99
    unsure = pooled(adj, own / 12, np.array([1]), np.array([[1, 0]], np.float32))
    assert unsure[0, 0] > 0.95


def test_what_it_is_given_stays_as_it_is(random_neighbours):
    adj = adjacency(*random_neighbours(3, 30, 4, 0.0), method=Method.POOLED, temperature=0.1)
    own, clamped, rows = evidence(3, 30, 4, 0.4)
    before = rows.copy()
    pooled(adj, own, clamped, rows)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4])
def test_softmax_of_any_logits(shift):
    logits = np.random.default_rng(0).normal(size=(20, 6)) * 30
    found = softmax((logits + shift).astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scipy_softmax(logits, axis=1), atol=2e-3 if shift else 1e-5)
