"""PAPER, from embeddings to classes, against the paper's equations in thirty lines of numpy.

On the handwritten digits that scikit-learn comes with: 1,797 images of 64 pixels, which are the embeddings.
"""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from graph_service.engine.requests.vectors import to_keep
from graph_service.engine.revision.snapshot import take
from graph_service.engine.state.tables import Tables
from graph_service.events import DatasetCreated, LabelsAdded, Method, Propagation, SamplesAdded, Trust
from graph_service.neighbours.graph import NeighbourGraph


def printed(embeddings, k, temperature, steps, seeds, clamped):
    """Eq. 2 and 3 of Bai et al. as they stand; the class of each sample, -1 where no label came."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    # Eq. 2: W_ij = exp(s_ij / T) where j is one of the k nearest neighbours of i, else 0.
    nearest = np.argsort(-similarity, axis=1)[:, :k]
    rows = np.arange(len(unit))[:, None]
    weights = np.zeros_like(similarity)
    weights[rows, nearest] = np.exp(similarity[rows, nearest] / temperature)
    # W normalised by the degrees: D^-1/2 W D^-1/2.
    degrees = weights.sum(axis=1)
    normal = weights / np.sqrt(degrees[:, None] * degrees[None, :])
    # Eq. 3: Y(t + 1) = W Y(t), and the verified rows stay as they were.
    scores = seeds.astype(np.float64)
    for _ in range(steps):
        scores = normal @ scores
        scores[clamped] = seeds[clamped]
    return np.where(scores.any(axis=1), scores.argmax(axis=1), -1)


@pytest.fixture(scope="module")
def digits():
    """Embeddings float16 (1797, 64), as they are kept, and the true classes."""
    images, truth = load_digits(return_X_y=True)
    kept = to_keep(images - images.mean(axis=0), "vectors", *images.shape)
    assert len(np.unique(kept, axis=0)) == len(kept)  # duplicates would share a node
    return kept, truth


@pytest.mark.parametrize(
    ("k", "temperature", "set_as"),
    [(10, 0.01, 0.0), (10, 0.01, 0.01), (15, 0.02, 0.02)],  # 0 leaves T to the method: the paper's 0.01
)
@pytest.mark.parametrize("labels", ["few verified", "all given, a third wrong", "some of both"])
def test_the_same_class_for_every_sample(digits, k, temperature, set_as, labels):
    """k = 10 and T = 0.01 (the paper's for CIFAR-10), k = 15 and T = 0.02 (CIFAR-100); t = 20."""
    embeddings, truth = digits
    rng = np.random.default_rng(1)
    n = len(truth)
    stated = np.where(rng.random(n) < 1 / 3, rng.integers(0, 10, n), truth)
    verified = rng.random(n) < (0 if labels.startswith("all") else 0.03)
    given = ~verified & (rng.random(n) < {"few": 0, "all": 1, "som": 0.5}[labels[:3]])

    names = np.array([f"s{i}" for i in range(n)])
    settings = Propagation(method=Method.PAPER, temperature=set_as)
    created = DatasetCreated("d", 64, "", tuple("0123456789"), k, settings)
    tables = Tables(created, NeighbourGraph(64, k))
    tables.apply(SamplesAdded(tuple(names), embeddings, (b"",) * n))
    for which, classes, trust in ((verified, truth, Trust.VERIFIED), (given, stated, Trust.GIVEN)):
        count = int(which.sum())
        tables.apply(LabelsAdded(tuple(names[which]), ("",) * count, tuple(classes[which]), (trust,) * count))
    tables.nodes.flush()
    snapshot = take(tables, 1, None)
    found = snapshot.beliefs().classes[snapshot.view.sample_nodes]

    seeds = np.eye(10)[np.where(verified, truth, stated)] * (verified | given)[:, None]
    expected = printed(embeddings.astype(np.float64), k, temperature, 20, seeds, verified)
    np.testing.assert_array_equal(found, expected)
