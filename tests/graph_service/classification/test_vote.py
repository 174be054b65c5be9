"""The vote against a loop that says what it means."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_service.classification.vote import vote


def slow_vote(neighbours, similarities, beliefs, temperature):
    rows = np.zeros((len(neighbours), beliefs.shape[1]))
    for i, (nodes, cosines) in enumerate(zip(neighbours, similarities, strict=True)):
        voters = [(j, s) for j, s in zip(nodes, cosines, strict=True) if j >= 0 and beliefs[j].any()]
        if not voters:
            continue
        nearest = max(s for _, s in voters)
        weights = [math.exp((float(s) - float(nearest)) / temperature) for _, s in voters]
        for (j, _), weight in zip(voters, weights, strict=True):
            rows[i] += weight / sum(weights) * beliefs[j].astype(float)
    return rows


@given(seed=st.integers(0, 2**32 - 1), temperature=st.sampled_from([0.001, 0.01, 0.1, 1.0]))
def test_equals_the_loop(seed, temperature):
    rng = np.random.default_rng(seed)
    n, m, k, classes = rng.integers(1, 12, 4)
    beliefs = rng.dirichlet(np.ones(classes), n).astype(np.float32)
    beliefs[rng.random(n) < 0.3] = 0
    neighbours = rng.integers(-1, n, (m, k)).astype(np.int32)
    similarities = rng.uniform(-1, 1, (m, k)).astype(np.float32)
    similarities[neighbours < 0] = -np.inf
    found = vote(neighbours, similarities, beliefs, temperature)
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, slow_vote(neighbours, similarities, beliefs, temperature), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 3)])
def test_nobody_to_ask(shape):
    nobody = np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32)
    for beliefs in (np.zeros((0, 4), np.float32), np.zeros((5, 4), np.float32)):
        found = vote(*nobody, beliefs, 0.1)
        assert found.shape == (shape[0], 4)
        assert not found.any()
