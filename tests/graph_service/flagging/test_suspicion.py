"""Planted errors stand out, and no label speaks for itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.events import Method
from graph_service.flagging.suspicion import evidence, held_out_beliefs, suspicion
from graph_service.propagation.adjacency import adjacency

CLASSES = 4


def graph(vectors, k=6):
    """The symmetrised graph of unit vectors, by brute force."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    neighbours = np.argsort(-cosines, axis=1)[:, :k].astype(np.int32)
    similarities = np.take_along_axis(cosines, neighbours, axis=1).astype(np.float32)
    return adjacency(neighbours, similarities, method=Method.SYMMETRIZED, temperature=0.1)


def clusters(rng, n=200):
    truth = rng.integers(0, CLASSES, n)
    vectors = np.eye(CLASSES, 8)[truth] + 0.25 * rng.normal(size=(n, 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), truth


def one_hot(classes, labelled):
    seeds = np.zeros((len(classes), CLASSES))
    seeds[labelled, classes[labelled]] = 1
    return seeds


def others_say(adj, seeds, labelled, folds=5):
    """Held-out beliefs; nodes are numbered as their slots."""
    return held_out_beliefs(adj, seeds, labelled, np.arange(len(labelled)), 20, folds=folds)


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_planted_errors_stand_out(share):
    rng = np.random.default_rng(3)
    vectors, truth = clusters(rng)
    labelled = rng.random(len(truth)) < share
    wrong = labelled & (rng.random(len(truth)) < 0.1)
    stated = np.where(wrong, (truth + 1) % CLASSES, truth).astype(np.int32)
    held_out = others_say(graph(vectors), one_hot(stated, labelled), labelled)
    scores = suspicion(held_out, stated)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert wrong.sum() >= 2
    assert (scores[wrong] > 0.5).mean() > 0.9
    assert (scores[labelled & ~wrong] > 0.5).mean() < 0.1
    assert not held_out[~labelled].any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), folds=st.integers(2, 12))
def test_a_label_does_not_speak_for_itself(seed, folds):
    rng = np.random.default_rng(seed)
    vectors, classes = clusters(rng, 40)
    labelled = rng.random(40) < 0.6
    if not labelled.any():
        return
    adj, node = graph(vectors), rng.choice(np.flatnonzero(labelled))
    before = others_say(adj, one_hot(classes, labelled), labelled, folds=folds)[node]
    classes[node] = (classes[node] + 1) % CLASSES
    after = others_say(adj, one_hot(classes, labelled), labelled, folds=folds)[node]
    if before.any() and after.any():  # a class that nobody else states is not judged at all
        np.testing.assert_array_equal(before, after)


def test_slots_may_be_dealt_out_anew():
    """Nodes that keep their numbers keep their rows, wherever they stand."""
    rng = np.random.default_rng(7)
    vectors, classes = clusters(rng, 60)
    labelled, numbers, order = rng.random(60) < 0.7, rng.permutation(1000)[:60], rng.permutation(60)
    seeds = one_hot(classes, labelled)
    before = held_out_beliefs(graph(vectors), seeds, labelled, numbers, 20)
    after = held_out_beliefs(graph(vectors[order]), seeds[order], labelled[order], numbers[order], 20)
    np.testing.assert_allclose(after, before[order], atol=1e-5)


def test_classes_that_come_in_turn_do_not_fill_folds():
    """With class = slot mod 4 and 4 folds, a fold must not hold out all labels of a class."""
    vectors, _ = clusters(np.random.default_rng(6), 400)
    nearest = vectors[:, :CLASSES].argmax(axis=1)
    turns = np.concatenate(
        list(zip(*(np.flatnonzero(nearest == c)[:60] for c in range(CLASSES)), strict=True))
    )
    labelled = np.ones(len(turns), bool)
    held_out = others_say(graph(vectors[turns]), one_hot(nearest[turns], labelled), labelled, folds=4)
    assert (held_out.argmax(axis=1) == np.arange(len(turns)) % CLASSES).mean() > 0.9


def test_the_only_label_of_its_class_is_not_judged():
    """The others could only contradict it."""
    rng = np.random.default_rng(2)
    vectors, truth = clusters(rng, 80)
    labelled = np.zeros(80, bool)
    labelled[[np.flatnonzero(truth == c)[0] for c in range(CLASSES)]] = True
    numbers = np.arange(80)
    held_out = held_out_beliefs(graph(vectors, k=20), one_hot(truth, labelled), labelled, numbers, 20)
    assert not held_out.any()


def test_without_evidence_there_is_no_suspicion():
    vectors = np.eye(4)[[0, 0, 1, 1]] + 1e-3
    labelled = np.array([True, False, False, False])
    seeds = one_hot(np.zeros(4, int), labelled)
    held_out = others_say(graph(vectors, k=1), seeds, labelled)
    assert suspicion(held_out[:1], np.array([0], np.int32)) == 0
    assert others_say(graph(vectors), seeds * 0, labelled & False).shape == (4, CLASSES)


def test_evidence_is_the_heaviest_neighbours_of_another_class():
    rng = np.random.default_rng(5)
    vectors, truth = clusters(rng, 60)
    adj, classes = graph(vectors), truth.astype(np.int32)
    classes[7] = -1
    for node in range(60):
        stated = (truth[node] + 1) % CLASSES
        nodes, shares, believed = evidence(adj, node, stated, classes, 3)
        row = slice(adj.indptr[node], adj.indptr[node + 1])
        voters = {j: w for j, w in zip(adj.indices[row], adj.weights[row], strict=True) if classes[j] >= 0}
        against = sorted((-w / sum(voters.values()), j) for j, w in voters.items() if classes[j] != stated)
        np.testing.assert_allclose(shares, [-share for share, _ in against][:3], rtol=1e-5)
        assert set(nodes) <= {j for _, j in against}
        np.testing.assert_array_equal(believed, classes[nodes])
