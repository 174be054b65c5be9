"""Propagation against a dense float64 transcription of the paper's equations.

The paper's own settings, T = 0.01, k = 10 and 20 steps, are among those drawn; engine/test_paper_method.py
starts from embeddings.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.beliefs import beliefs, decide
from graph_service.propagation.propagate import propagate


def printed(neighbours, similarities, temperature, method, seeds, clamped, steps):
    """Eq. 2 and 3 of Bai et al. as they stand, and beliefs as rows over their sums."""
    n, k = neighbours.shape
    weights = np.zeros((n, n))
    for i in range(n):
        for p in range(k):
            if neighbours[i, p] >= 0:
                weights[i, neighbours[i, p]] = np.exp(float(similarities[i, p]) / temperature)
    if method is not Method.PAPER:
        weights = np.maximum(weights, weights.T)
    degrees = weights.sum(axis=1)
    roots = np.sqrt(np.where(degrees > 0, degrees, 1))
    normal = weights / roots[:, None] / roots[None, :]
    # A column of a row without neighbours: its degree is 0, so it sends nothing.
    normal[:, degrees == 0] = 0
    scores = seeds.astype(float)
    for _ in range(steps):
        scores = normal @ scores
        scores[clamped] = seeds[clamped]
    sums = scores.sum(axis=1, keepdims=True)
    return np.divide(scores, sums, out=np.zeros_like(scores), where=sums > 0)


@st.composite
def graphs(draw):
    """Neighbour lists of a few parts that no edge joins, some slots dead, with labels of any share."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, k = draw(st.integers(1, 40)), draw(st.sampled_from([1, 2, 3, 5, 8, 10]))
    part_of = rng.integers(0, draw(st.integers(1, 4)), n)
    dead = rng.random(n) < draw(st.sampled_from([0.0, 0.2]))
    cosines = rng.uniform(draw(st.sampled_from([-1.0, 0.5, 0.95])), 1, (n, n))
    cosines = (cosines + cosines.T) / 2
    cosines[(part_of[:, None] != part_of[None, :]) | dead[:, None] | dead[None, :]] = -np.inf
    np.fill_diagonal(cosines, -np.inf)
    k = min(k, n)
    neighbours = np.argsort(-cosines, axis=1, kind="stable")[:, :k].astype(np.int32)
    similarities = np.take_along_axis(cosines, neighbours, axis=1).astype(np.float32)
    neighbours[np.isinf(similarities)] = -1
    labelled = (rng.random(n) < draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))) & ~dead
    clamped = labelled & (rng.random(n) < draw(st.sampled_from([0.0, 0.5, 1.0])))
    classes = draw(st.sampled_from([2, 3, 17, 70]))
    seeds = np.zeros((n, classes))
    hard = rng.random(n) < 0.7
    seeds[np.arange(n), rng.integers(0, classes, n)] = 1
    seeds[~hard] = rng.dirichlet(np.ones(classes), n)[~hard]
    seeds[~labelled] = 0
    return neighbours, similarities, seeds, clamped


@settings(max_examples=150, deadline=None)
@given(
    graph=graphs(),
    method=st.sampled_from(Method),
    temperature=st.sampled_from([0.01, 0.02, 0.1, 1.0]),
    steps=st.sampled_from([1, 2, 5, 20]),
)
def test_equals_the_paper(graph, method, temperature, steps):
    neighbours, similarities, seeds, clamped = graph
    adj = adjacency(neighbours, similarities, method=method, temperature=temperature)
    found = beliefs(propagate(adj, seeds, clamped, steps))
    with np.errstate(under="ignore"):
        expected = printed(neighbours, similarities, temperature, method, seeds, clamped, steps)
    # Float64 loses what lies below 1e-308: only there may the two differ, and ours then knows more.
    lost = (expected.sum(axis=1) == 0) & found.any(axis=1)
    assert not lost.any() or temperature == 0.01
    np.testing.assert_allclose(found[~lost], expected[~lost], atol=1e-5)
    decided, _ = decide(found)
    first, second = np.sort(expected, axis=1)[:, [-1, -2]].T
    clear = ~lost & (first - second > 1e-4)
    np.testing.assert_array_equal(decided[clear], expected.argmax(axis=1)[clear])
    np.testing.assert_array_equal(decided[~lost] == -1, ~expected[~lost].any(axis=1))


@settings(max_examples=30, deadline=None)
@given(graph=graphs(), method=st.sampled_from(Method), shift=st.sampled_from([-0.5, -0.2, 0.2]))
def test_a_common_factor_of_the_weights_cancels(graph, method, shift):
    neighbours, similarities, seeds, clamped = graph
    answers = [
        beliefs(propagate(adjacency(neighbours, s, method=method, temperature=0.1), seeds, clamped, 10))
        for s in (similarities, similarities + np.float32(shift))
    ]
    np.testing.assert_allclose(answers[0], answers[1], atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(graph=graphs(), method=st.sampled_from(Method), seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(graph, method, seed):
    neighbours, similarities, seeds, clamped = graph
    order = np.random.default_rng(seed).permutation(len(seeds))
    place = np.argsort(order).astype(np.int32)
    moved = np.where(neighbours >= 0, place[neighbours], -1).astype(np.int32)[order]
    plain = propagate(adjacency(neighbours, similarities, method=method, temperature=0.1), seeds, clamped, 10)
    adj = adjacency(moved, similarities[order], method=method, temperature=0.1)
    permuted = propagate(adj, seeds[order], clamped[order], 10)
    np.testing.assert_allclose(beliefs(plain)[order], beliefs(permuted), atol=1e-5)


def test_no_nodes_and_no_labels():
    empty = adjacency(
        np.zeros((0, 3), np.int32), np.zeros((0, 3), np.float32), method=Method.PAPER, temperature=0.1
    )
    assert propagate(empty, np.zeros((0, 4)), np.zeros(0, bool), 20).shape == (0, 4)
    pair = adjacency(
        np.array([[1], [0]], np.int32), np.ones((2, 1), np.float32), method=Method.PAPER, temperature=1
    )
    assert not propagate(pair, np.zeros((2, 3)), np.zeros(2, bool), 20).any()


@pytest.mark.parametrize("method", Method)
def test_what_float64_would_lose_is_reached(method):
    """A chain whose every step is the lightest edge of its row: e^-200 each at T = 0.01."""
    n = 12
    neighbours = np.full((2 * n, 2), -1, np.int32)
    similarities = np.full((2 * n, 2), -np.inf, np.float32)
    for i in range(n):  # each of the chain has a twin next door, and one weak link to the node before
        neighbours[i] = [n + i, max(i - 1, 0) if i else n + i]
        similarities[i] = [1, -1]
        neighbours[n + i, 0], similarities[n + i, 0] = i, 1
    neighbours[0, 1], similarities[0, 1] = -1, -np.inf
    seeds = np.zeros((2 * n, 2))
    seeds[0, 1] = 1
    clamped = seeds.any(axis=1)
    adj = adjacency(neighbours, similarities, method=method, temperature=0.01)
    classes, _ = decide(beliefs(propagate(adj, seeds, clamped, 40)))
    assert (classes[:n] == 1).all()
