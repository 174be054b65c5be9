"""The adjacency against the dense matrices that it stands for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency


def random_lists(seed, n, k):
    """Lists of up to k of n nodes; some are empty."""
    rng = np.random.default_rng(seed)
    neighbours = np.full((n, k), -1, np.int32)
    similarities = np.full((n, k), -np.inf, np.float32)
    for i in range(n):
        others = rng.permutation(np.delete(np.arange(n), i))[: rng.integers(0, k + 1)]
        neighbours[i, : len(others)] = others
        similarities[i, : len(others)] = rng.uniform(-1, 1, len(others))
    return neighbours, similarities


def dense(adj):
    """P as a matrix, -1 where there is no edge."""
    matrix = np.full((len(adj), len(adj)), -1.0)
    for i in range(len(adj)):
        row = slice(adj.indptr[i], adj.indptr[i + 1])
        assert len(set(adj.indices[row])) == row.stop - row.start
        matrix[i, adj.indices[row]] = adj.exact_weights()[row]
    return matrix


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 12),
    k=st.integers(1, 5),
    method=st.sampled_from(Method),
    temperature=st.sampled_from([0.01, 0.1, 1.0]),
)
def test_is_the_normalised_weight_matrix(seed, n, k, method, temperature):
    neighbours, similarities = random_lists(seed, n, k)
    weights = np.zeros((n, n))
    for i, j in zip(*np.nonzero(neighbours >= 0), strict=True):
        weights[i, neighbours[i, j]] = np.exp(float(similarities[i, j]) / temperature)
    if method is not Method.PAPER:
        weights = np.maximum(weights, weights.T)
    degrees = weights.sum(axis=1)
    adj = adjacency(neighbours, similarities, method=method, temperature=temperature)
    expected = np.where(weights > 0, weights / np.where(degrees > 0, degrees, 1)[:, np.newaxis], -1)
    np.testing.assert_allclose(dense(adj), expected, rtol=1e-9)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(adj.log_degrees, np.log(degrees), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("temperature", [0.001, 0.01])
def test_temperatures_that_overflow_a_plain_exponential(method, temperature):
    neighbours = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    similarities = np.array([[1, -1], [1, -1], [-1, -1]], np.float32)
    adj = adjacency(neighbours, similarities, method=method, temperature=temperature)
    matrix = dense(adj)
    np.testing.assert_allclose(matrix.clip(0).sum(axis=1), 1, rtol=1e-12)
    assert (matrix[~np.eye(3, dtype=bool)] > 0).all()
    np.testing.assert_allclose(
        adj.log_degrees, [1 / temperature, 1 / temperature, -1 / temperature + np.log(2)]
    )
