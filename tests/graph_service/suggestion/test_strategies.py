"""What is suggested may be labelled, and is worth it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.beliefs import beliefs, decide
from graph_service.propagation.propagate import propagate
from graph_service.suggestion.coverage import cover
from graph_service.suggestion.strategies import Strategy, suggest

CLASSES = 4


def lists(vectors, k):
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    neighbours = np.argsort(-cosines, axis=1)[:, :k].astype(np.int32)
    return neighbours, np.take_along_axis(cosines, neighbours, axis=1).astype(np.float32)


def graph(vectors, k=5, method=Method.SYMMETRIZED, temperature=0.1):
    return adjacency(*lists(vectors, k), method=method, temperature=temperature)


def blobs(rng, sizes, spread=0.2):
    truth = np.repeat(np.arange(len(sizes)), sizes)
    vectors = np.eye(len(sizes), 8)[truth] + spread * rng.normal(size=(len(truth), 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), truth


def everyone(but):
    """All nodes that are not labelled, as candidates."""
    return np.flatnonzero(~but).astype(np.int32)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    strategy=st.sampled_from(Strategy),
    method=st.sampled_from(Method),
    count=st.integers(1, 60),
    share=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
)
def test_suggestions_are_candidates_and_repeatable(seed, strategy, method, count, share):
    rng = np.random.default_rng(seed)
    vectors, truth = blobs(rng, [12, 9, 5, 4])
    adj = graph(vectors, method=method)
    labelled = rng.random(30) < share
    candidates = ~labelled & (rng.random(30) < 0.8)
    seeds = np.eye(CLASSES)[truth] * labelled[:, np.newaxis]
    rows = beliefs(propagate(adj, seeds, labelled, 20))
    answers = [
        suggest(
            strategy,
            count=count,
            candidates=np.flatnonzero(candidates).astype(np.int32),
            labelled=labelled,
            adj=adj,
            beliefs=rows,
            rng=np.random.default_rng(seed),
        )
        for _ in range(2)
    ]
    (nodes, scores), again = answers
    assert len(nodes) == len(scores) == min(count, candidates.sum())
    assert len(set(nodes.tolist())) == len(nodes)
    assert candidates[nodes].all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert nodes.dtype == np.int32
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(nodes, again[0])


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("temperature", [0.01, 0.1])
def test_coverage_goes_where_nobody_was(method, temperature):
    vectors, truth = blobs(np.random.default_rng(1), [40, 30, 20, 10], spread=0.05)
    adj = graph(vectors, method=method, temperature=temperature)
    nobody = np.zeros(100, bool)
    picks, _ = cover(adj, everyone(nobody), nobody, 4)
    assert set(truth[picks]) == {0, 1, 2, 3}
    # One region is covered already: the first picks go to the others.
    labelled = truth == 0
    labelled[3:] &= False
    picks, _ = cover(adj, everyone(labelled), labelled, 3)
    assert set(truth[picks]) == {1, 2, 3}


def test_nodes_without_neighbours_are_suggested_too():
    neighbours = np.array([[1], [0], [-1], [-1]], np.int32)
    similarities = np.array([[1], [1], [-np.inf], [-np.inf]], np.float32)
    adj = adjacency(neighbours, similarities, method=Method.SYMMETRIZED, temperature=0.1)
    nobody = np.zeros(4, bool)
    picks, scores = cover(adj, everyone(nobody), nobody, 10)
    assert sorted(picks) == [0, 1, 2, 3]
    assert np.isfinite(scores).all()


@pytest.mark.parametrize(
    ("strategy", "expected"), [(Strategy.MARGIN, "margin"), (Strategy.ENTROPY, "entropy")]
)
def test_uncertainty(strategy, expected):
    rows = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.6, 0.3, 0.1], [0, 0, 0], [1 / 3] * 3], np.float32)
    by_hand = -(0.6 * np.log(0.6) + 0.3 * np.log(0.3) + 0.1 * np.log(0.1)) / np.log(3)
    worth = {"margin": [0, 1, 0.7, 1, 1], "entropy": [0, np.log(2) / np.log(3), by_hand, 1, 1]}[expected]
    adj = graph(np.eye(5), k=1)
    nodes, scores = suggest(
        strategy,
        count=5,
        candidates=np.arange(5, dtype=np.int32),
        labelled=np.zeros(5, bool),
        adj=adj,
        beliefs=rows,
        rng=np.random.default_rng(0),
    )
    np.testing.assert_allclose(scores, np.array(worth)[nodes], atol=1e-6)
    assert (np.diff(scores) <= 0).all()


def test_coverage_beats_chance_where_classes_differ_in_size():
    """A small region is missed by a few random labels, and found by coverage."""
    rng = np.random.default_rng(4)
    vectors, truth = blobs(rng, [120, 60, 15, 15])
    adj = graph(vectors)

    def accuracy(nodes):
        clamped = np.isin(np.arange(len(truth)), nodes)
        found, _ = decide(beliefs(propagate(adj, np.eye(CLASSES)[truth] * clamped[:, None], clamped, 20)))
        return (found == truth).mean()

    nobody = np.zeros(len(truth), bool)
    chance = np.mean([accuracy(rng.choice(len(truth), 4, replace=False)) for _ in range(20)])
    assert accuracy(cover(adj, everyone(nobody), nobody, 4)[0]) > chance + 0.1


def test_small_parts_wait_for_the_large_ones():
    """Six bursts of 7 alike, which no edge joins to the rest, do not come before two regions of 150."""
    sizes = [150, 150, *[7] * 6]
    rng = np.random.default_rng(9)
    part_of = np.repeat(np.arange(len(sizes)), sizes)
    neighbours = np.array(
        [
            rng.permutation(np.flatnonzero((part_of == part_of[i]) & (np.arange(342) != i)))[:5]
            for i in range(342)
        ]
    )
    cosines = np.full(neighbours.shape, 0.9, np.float32)
    adj = adjacency(neighbours.astype(np.int32), cosines, method=Method.SYMMETRIZED, temperature=0.1)
    nobody = np.zeros(342, bool)
    picks, _ = cover(adj, everyone(nobody), nobody, 12)
    assert set(part_of[picks[:2]]) == {0, 1}
    assert (part_of[picks] < 2).sum() >= 6
