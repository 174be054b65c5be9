"""The class of a vector outside the graph, pooled as those inside are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.classification.weights import vote_weights
from graph_service.linear.classifier import log_posterior
from graph_service.pooling.pool import CLASSIFIER_SHARE, FLOOR, NEIGHBOUR_SHARE, softmax

__all__ = ["pooled_vote"]

Float32 = npt.NDArray[np.float32]


def pooled_vote(
    features: Float32,
    classifier: Float32,
    factors: Float32,
    neighbours: npt.NDArray[np.int32],
    similarities: Float32,
    beliefs: Float32,
    temperature: float,
) -> Float32:
    """Return what one more step of the pool makes each vector believe, float32 (m, c), rows sum to 1.

    O(m (p + k) c) time, O(m c) memory.

    Args:
        features: float32 (m, p), the vectors' features.
        classifier: float32 (p + 1, c).
        factors: float32 (c,), that give each class its mass.
        neighbours: int32 (m, k), nodes; padded with -1.
        similarities: float32 (m, k), the cosines; ignored where there is no neighbour.
        beliefs: float32 (n, c), the pooled beliefs.
        temperature: T of eq. 2, greater than 0.
    """
    voting = neighbours >= 0
    weights = vote_weights(voting, similarities, temperature)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    means = np.zeros((len(neighbours), beliefs.shape[1]), np.float32)
    for column in range(neighbours.shape[1]):
        rows = np.flatnonzero(voting[:, column])
        share = weights[rows, column, np.newaxis].astype(np.float32)
        means[rows] += share * np.log(beliefs[neighbours[rows, column]] + FLOOR)
    own = CLASSIFIER_SHARE * log_posterior(features, classifier) + np.log(factors)
    return softmax(own + NEIGHBOUR_SHARE * means)
