"""The pooled vote against a loop that says what it means, and against the beliefs of those inside."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from graph_service.classification.pooled import pooled_vote


def slow_vote(features, classifier, factors, neighbours, similarities, beliefs, temperature):
    rows = np.zeros((len(features), beliefs.shape[1]))
    for i, (nodes, cosines) in enumerate(zip(neighbours, similarities, strict=True)):
        scores = softmax(np.append(features[i], 1) @ classifier.astype(float)) ** 0.5 * factors
        voters = [(j, float(s)) for j, s in zip(nodes, cosines, strict=True) if j >= 0]
        if voters:
            nearest = max(s for _, s in voters)
            weights = [math.exp((s - nearest) / temperature) for _, s in voters]
            for (j, _), weight in zip(voters, weights, strict=True):
                scores *= (beliefs[j].astype(float) + 0.001) ** (0.7 * weight / sum(weights))
        rows[i] = scores / scores.sum()
    return rows


def question(seed, n, m, k, classes):
    rng = np.random.default_rng(seed)
    beliefs = rng.dirichlet(np.full(classes, 0.3), n).astype(np.float32)
    neighbours = rng.integers(-1, n, (m, k)).astype(np.int32)
    similarities = rng.uniform(-1, 1, (m, k)).astype(np.float32)
    similarities[neighbours < 0] = -np.inf
    features = rng.normal(size=(m, 5)).astype(np.float32)
    classifier = (2 * rng.normal(size=(6, classes))).astype(np.float32)
    factors = rng.uniform(0.01, 1, classes).astype(np.float32)
    return features, classifier, factors, neighbours, similarities, beliefs


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 12),
    m=st.integers(0, 12),
    k=st.integers(0, 6),
    classes=st.integers(1, 6),
    temperature=st.sampled_from([0.001, 0.01, 0.1, 1.0]),
)
def test_equals_the_loop(seed, n, m, k, classes, temperature):
    asked = question(seed, n, m, k, classes)
    found = pooled_vote(*asked, temperature)
    assert found.dtype == np.float32
    assert found.shape == (m, classes)
    np.testing.assert_allclose(found, slow_vote(*asked, temperature), rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("k", [0, 3])
def test_with_nobody_to_ask_the_classifier_decides(k):
    features, classifier, factors, *_, beliefs = question(1, 4, 8, k, 5)
    nobody = np.full((8, k), -1, np.int32), np.full((8, k), -np.inf, np.float32)
    found = pooled_vote(features, classifier, factors, *nobody, beliefs, 0.1)
    alone = softmax(np.column_stack([features, np.ones(8)]) @ classifier, axis=1) ** 0.5 * factors
    np.testing.assert_allclose(found, alone / alone.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6)


def test_equal_neighbours_of_one_opinion_are_one_neighbour():
    features, classifier, factors, *_, beliefs = question(2, 1, 3, 1, 4)
    answers = [
        pooled_vote(
            features,
            classifier,
            factors,
            np.zeros((3, k), np.int32),
            np.full((3, k), 0.8, np.float32),
            beliefs,
            0.1,
        )
        for k in (1, 7)
    ]
    np.testing.assert_allclose(*answers, rtol=1e-5)
