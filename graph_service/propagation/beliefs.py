"""What scores say: a distribution over classes, or nothing at all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["beliefs", "decide"]

Float32 = npt.NDArray[np.float32]


def beliefs(scores: npt.NDArray[np.floating]) -> Float32:
    """Return float32 (n, C): each row of scores (not negative) over its sum; unreached rows stay zero."""
    sums = scores.sum(axis=1, keepdims=True, dtype=np.float64)
    # Divided in float64, as a sum may lie outside float32.
    rows: Float32 = np.divide(scores, sums, out=np.zeros(scores.shape), where=sums > 0).astype(np.float32)
    return rows


def decide(beliefs: Float32) -> tuple[npt.NDArray[np.int32], Float32]:
    """Return the class of greatest belief and that belief: int32 (n,) and float32 (n,).

    A row of zeros is unreached: class -1, belief 0. Of equal beliefs the first class is taken.
    """
    classes = beliefs.argmax(axis=1).astype(np.int32)
    confidences = np.take_along_axis(beliefs, classes[:, np.newaxis], axis=1)[:, 0]
    return np.where(confidences > 0, classes, np.int32(-1)), confidences
