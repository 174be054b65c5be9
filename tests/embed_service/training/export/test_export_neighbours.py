from __future__ import annotations

import numpy as np
import pytest
import torch

from embed_service.training.export import neighbours
from embed_service.training.export.neighbours import accuracy, agreement, nearest
from embed_service.training.loop.probe import knn_accuracy


def units(count, dimension=6, seed=0):
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [2, 5, 11, 60])
def test_nearest_are_those_of_a_full_sort(count, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", 7)
    vectors = units(count)
    numbers, cosines = nearest(vectors)
    similarity = vectors @ vectors.T
    for row, (found, near) in enumerate(zip(numbers, cosines, strict=True)):
        others = [other for other in np.argsort(-similarity[row]) if other != row]
        assert sorted(found) == sorted(others[:10])
        np.testing.assert_allclose(near, similarity[row, found], atol=1e-6)


def test_accuracy_is_the_weighted_vote_of_ten_others():
    vectors, labels = units(60), np.random.default_rng(1).integers(0, 3, 60)
    right = 0
    for row in range(60):
        similarity = vectors @ vectors[row]
        similarity[row] = -2
        votes = np.zeros(3)
        for other in np.argsort(-similarity)[:10]:
            votes[labels[other]] += np.exp(similarity[other] / 0.1)
        right += votes.argmax() == labels[row]
    assert accuracy(vectors, labels) == pytest.approx(right / 60)


@pytest.mark.parametrize("count", [5, 400])
def test_the_probe_of_training_means_the_same_by_accuracy(count):
    random = np.random.default_rng(count)
    labels = random.integers(0, 3, count)
    vectors = random.normal(size=(count, 6)) + 0.7 * np.eye(6)[labels]
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = knn_accuracy(torch.from_numpy(vectors), torch.from_numpy(labels))
    assert found == pytest.approx(accuracy(vectors, labels))


def test_agreement_is_the_share_of_neighbours_in_common():
    vectors = units(200)
    assert agreement(vectors, vectors) == 1
    assert agreement(vectors, units(200, seed=9)) < 0.2
    assert agreement(units(3), units(3, seed=9)) == 1  # there are only two others
