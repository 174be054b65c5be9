"""How divided a belief is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled

__all__ = ["entropy", "narrowness", "rivals"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


@compiled
def narrowness(beliefs: Float32) -> Float32:
    """Return 1 - (greatest - second belief) of each row, float32 (n,), 0 to 1; 1 where unreached."""
    narrow = np.empty(len(beliefs), np.float32)
    for i in range(len(beliefs)):
        greatest = second = np.float32(0)
        for belief in beliefs[i]:
            second = max(second, min(greatest, belief))
            greatest = max(greatest, belief)
        narrow[i] = max(np.float32(1) - (greatest - second), np.float32(0))
    return narrow


def entropy(beliefs: Float32) -> Float32:
    """Return the entropy of each row over that of the uniform one, float32 (n,); 1 where unreached."""
    logs = np.log(beliefs, where=beliefs > 0, out=np.zeros_like(beliefs))
    shares = -(beliefs * logs).sum(axis=1) / np.log(max(beliefs.shape[1], 2))
    scores: Float32 = np.where(beliefs.any(axis=1), np.clip(shares, 0, 1), 1).astype(np.float32)
    return scores


def rivals(beliefs: Float32) -> Int32:
    """Return the class of second greatest belief of each row, int32 (n,); -1 where only one has any."""
    if beliefs.shape[1] < 2:
        return np.full(len(beliefs), -1, np.int32)
    second = np.argsort(-beliefs, axis=1, kind="stable")[:, 1]
    held = np.take_along_axis(beliefs, second[:, np.newaxis], axis=1)[:, 0] > 0
    return np.where(held, second, -1).astype(np.int32)
