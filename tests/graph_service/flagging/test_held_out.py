"""No label has a part in its own judgement, by whatever way; what the others say comes through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.events import Method
from graph_service.flagging.held_out import held_out, propagated
from graph_service.pooling.infer import infer
from graph_service.pooling.statements import Statements
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
    vectors = (np.eye(CLASSES, 8)[truth] + 0.25 * rng.normal(size=(n, 8))).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), truth


def statements(nodes, classes, verified=False):
    return Statements(np.asarray(nodes), np.asarray(classes), np.full(len(nodes), verified), CLASSES)


def opinions(method, vectors, labels, numbers=None):
    adj, sample = graph(vectors), np.arange(len(vectors))

    def believe(others):
        if method == "pooled":
            found = infer(adj, vectors, sample, others)
            return found.seen, found.beliefs
        return propagated(adj, others, 20)

    return held_out(labels, sample if numbers is None else numbers, vectors, believe)


@pytest.mark.parametrize("method", ["pooled", "propagated"])
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_planted_errors_are_contradicted(method, share):
    rng = np.random.default_rng(3)
    vectors, truth = clusters(rng)
    nodes = np.flatnonzero(rng.random(len(truth)) < share)
    wrong = rng.random(len(nodes)) < 0.1
    stated = np.where(wrong, (truth[nodes] + 1) % CLASSES, truth[nodes])
    found = opinions(method, vectors, statements(nodes, stated))
    assert wrong.sum() >= 2
    assert found.judged.all()
    for part in (found.beliefs, found.critic):
        assert (part.argmax(axis=1) == truth[nodes]).mean() > 0.75


@pytest.mark.parametrize("method", ["pooled", "propagated"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), verified=st.booleans())
def test_a_label_does_not_speak_for_itself(method, seed, verified):
    rng = np.random.default_rng(seed)
    vectors, truth = clusters(rng, 60)
    nodes = np.concatenate([np.arange(30), [7, 7]])  # copies share a node, and so a fold
    classes, changed = truth[nodes], rng.integers(30)
    classes[:CLASSES] = range(CLASSES)
    before = opinions(method, vectors, statements(nodes, classes, verified))
    classes[nodes == nodes[changed]] = (classes[changed] + 1) % CLASSES
    after = opinions(method, vectors, statements(nodes, classes, verified))
    same = nodes == nodes[changed]
    if before.judged[same].all() and after.judged[same].all():
        np.testing.assert_array_equal(before.places, after.places)
        own = before.places[same]
        np.testing.assert_array_equal(before.beliefs[own], after.beliefs[own])
        np.testing.assert_array_equal(before.critic[own], after.critic[own])


def test_slots_may_be_dealt_out_anew():
    """Nodes that keep their numbers keep their opinions, wherever they stand."""
    rng = np.random.default_rng(7)
    vectors, truth = clusters(rng, 60)
    numbers, order = rng.permutation(1000)[:60], rng.permutation(60)
    place = np.argsort(order)
    before = opinions("propagated", vectors, statements(np.arange(60), truth), numbers)
    after = opinions("propagated", vectors[order], statements(place, truth), numbers[order])
    np.testing.assert_allclose(after.beliefs[after.places], before.beliefs[before.places], atol=1e-3)
    np.testing.assert_allclose(after.critic[after.places], before.critic[before.places], atol=1e-2)


def test_classes_that_come_in_turn_do_not_fill_folds():
    vectors, _ = clusters(np.random.default_rng(6), 400)
    nearest = vectors[:, :CLASSES].argmax(axis=1)
    turns = np.stack([np.flatnonzero(nearest == c)[:60] for c in range(CLASSES)], axis=1).ravel()
    found = opinions("propagated", vectors[turns], statements(np.arange(len(turns)), nearest[turns]))
    assert (found.beliefs.argmax(axis=1) == nearest[turns]).mean() > 0.9


def test_what_the_others_cannot_judge():
    vectors, truth = clusters(np.random.default_rng(2), 80)
    nodes = [np.flatnonzero(truth == c)[0] for c in range(CLASSES)]
    assert not opinions("pooled", vectors, statements(nodes, truth[nodes])).judged.any()
    assert not opinions("pooled", vectors, statements([3], [1])).judged.any()
    assert opinions("pooled", vectors, statements(np.array([], int), np.array([], int))).beliefs.shape == (
        0,
        0,
    )
