"""How unsure a belief is. Scores from 0, certain, to 1, nothing known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["entropy", "margin"]

Float32 = npt.NDArray[np.float32]


def margin(beliefs: Float32) -> Float32:
    """Return 1 − (p₁ − p₂) for the two greatest beliefs of each row of (n, C), 1 where unreached."""
    if beliefs.shape[1] < 2:
        return 1 - beliefs.sum(axis=1)
    greatest = np.partition(beliefs, -2, axis=1)[:, -2:]
    lead: Float32 = greatest[:, 1] - greatest[:, 0]
    return 1 - lead


def entropy(beliefs: Float32) -> Float32:
    """Return −Σ p log p / log C of each row of (n, C), 1 where unreached."""
    logs = np.log(beliefs, out=np.zeros_like(beliefs), where=beliefs > 0)
    scores: Float32 = -(beliefs * logs).sum(axis=1) / np.log(max(beliefs.shape[1], 2))
    return np.where(beliefs.any(axis=1), np.clip(scores, 0, 1), np.float32(1)).astype(np.float32)
