"""Weighted k-NN classification over the current beliefs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.propagation.beliefs import beliefs as normalised

__all__ = ["vote"]

Float32 = npt.NDArray[np.float32]


def vote(
    neighbours: npt.NDArray[np.int32], similarities: Float32, beliefs: Float32, temperature: float
) -> Float32:
    """Return each query's belief: its neighbours' beliefs, weighted by exp(s / T) (eq. 2 of Bai et al.).

    A neighbour that no label reached does not vote. O(m k C).

    Args:
        neighbours: int32 (m, k), rows of `beliefs`, padded with -1.
        similarities: float32 (m, k), cosines; ignored where there is no neighbour.
        beliefs: float32 (n, C), rows sum to 1, or to 0 where unreached.
        temperature: T, greater than 0.

    Returns:
        float32 (m, C), rows sum to 1, or to 0 where no neighbour has a belief.
    """
    queries, classes = len(neighbours), beliefs.shape[1]
    if not neighbours.size or not len(beliefs):
        return np.zeros((queries, classes), np.float32)
    voters = np.where(neighbours >= 0, neighbours, 0)
    reached: npt.NDArray[np.bool_] = beliefs.any(axis=1)
    speaks = (neighbours >= 0) & reached[voters]
    # Only the ratio of weights matters: the nearest voter weighs 1, and exp cannot overflow.
    logs = np.where(speaks, similarities.astype(np.float64) / temperature, -np.inf)
    nearest = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - np.where(np.isfinite(nearest), nearest, 0))
    scores = np.zeros((queries, classes))
    for rank in range(neighbours.shape[1]):  # one (m, C) table at a time instead of (m, k, C)
        scores += weights[:, rank, np.newaxis] * beliefs[voters[:, rank]]
    return normalised(scores)
