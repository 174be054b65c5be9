"""How much each neighbour of a vector outside the graph has to say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["vote_weights"]


def vote_weights(
    voting: npt.NDArray[np.bool_], similarities: npt.NDArray[np.float32], temperature: float
) -> npt.NDArray[np.float64]:
    """Return eq. 2's exp(s_ij / T), float64 (m, k): the greatest of a row is 1, who does not vote has 0.

    Args:
        voting: bool (m, k), which neighbours vote.
        similarities: float32 (m, k), the cosines; ignored where one does not vote.
        temperature: T, greater than 0.
    """
    logits = np.where(voting, similarities / np.float64(temperature), -np.inf)
    top = logits.max(axis=1, initial=-np.inf, keepdims=True)
    weights: npt.NDArray[np.float64] = np.exp(logits - np.where(np.isfinite(top), top, 0))
    return weights
