"""The class of a vector outside the graph: a weighted vote of its nearest nodes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.classification.weights import vote_weights
from graph_service.propagation.beliefs import beliefs as normalised
from graph_service.propagation.rows import BeliefRows

__all__ = ["vote"]

Float32 = npt.NDArray[np.float32]


def vote(
    neighbours: npt.NDArray[np.int32],
    similarities: Float32,
    beliefs: Float32 | BeliefRows,
    temperature: float,
) -> Float32:
    """Return Σ_j exp(s_ij / T) belief_j, normalised over the neighbours that have a belief.

    The weights are those of eq. 2 of Bai et al. O(m k C) time, O(m C) memory.

    Args:
        neighbours: int32 (m, k), nodes; padded with -1.
        similarities: float32 (m, k), the cosines; ignored where there is no neighbour.
        beliefs: (n, C), rows sum to 1, or to 0: unreached nodes do not vote.
        temperature: T, greater than 0.

    Returns:
        float32 (m, C), rows sum to 1; to 0 where no neighbour has a belief.
    """
    voting = neighbours >= 0
    voting[voting] = beliefs[neighbours[voting]].any(axis=1)
    weights = vote_weights(voting, similarities, temperature)
    total = np.zeros((len(neighbours), beliefs.shape[1]))
    for column in range(neighbours.shape[1]):
        rows = np.flatnonzero(voting[:, column])
        total[rows] += weights[rows, column, np.newaxis] * beliefs[neighbours[rows, column]]
    return normalised(total)
