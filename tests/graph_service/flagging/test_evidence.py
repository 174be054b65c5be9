"""Neighbours that speak against a label."""

import numpy as np

from graph_service.events import Method
from graph_service.flagging.evidence import evidence
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
