"""What scores say: a distribution over classes, or nothing at all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["beliefs", "decide"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


def beliefs(scores: npt.NDArray[np.floating]) -> Float32:
    """Return float32 (n, C): each row of scores (not negative) over its sum; unreached rows stay zero."""
    rows: Float32 = _normalised(np.ascontiguousarray(scores))
    return rows


def decide(beliefs: Float32) -> tuple[Int32, Float32]:
    """Return the class of greatest belief and that belief: int32 (n,) and float32 (n,).

    A row of zeros is unreached: class -1, belief 0. Of equal beliefs the first class is taken.
    """
    decided: tuple[Int32, Float32] = _decided(np.ascontiguousarray(beliefs))
    return decided


@njit(nogil=True, cache=True, error_model="numpy")
def _normalised(scores: npt.NDArray[np.floating]) -> Float32:
    rows = np.zeros(scores.shape, np.float32)
    for i in range(len(scores)):
        # In float64, as a sum may lie outside float32.
        total = 0.0
        for score in scores[i]:
            total += score
        if total > 0:
            for c in range(scores.shape[1]):
                rows[i, c] = scores[i, c] / total
    return rows


@njit(nogil=True, cache=True, error_model="numpy")
def _decided(beliefs: Float32) -> tuple[Int32, Float32]:
    classes = np.empty(len(beliefs), np.int32)
    confidences = np.empty(len(beliefs), np.float32)
    for i in range(len(beliefs)):
        first, greatest = -1, np.float32(0)
        for c in range(beliefs.shape[1]):
            if beliefs[i, c] > greatest:
                first, greatest = c, beliefs[i, c]
        classes[i], confidences[i] = first, greatest
    return classes, confidences
