"""Where a list of flags ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["best_f1", "target_precision"]

Floats = npt.NDArray[np.floating]


def best_f1(wrong: Floats) -> int:
    """Return how many flags have the best expected F1.

    With probabilities p of being wrong, the first k flags have it at about 2 Σ_{i≤k} p_i / (k + Σ p)
    (Lipton, Elkan & Naryanaswamy, 2014, with the expectations of numerator and denominator). No flags are
    right, an F1 of 1, where nothing is wrong: with probability Π (1 - p_i).

    Args:
        wrong: (m,), falling; of every label that was judged.
    """
    if not len(wrong) or wrong[0] <= 0:
        return 0
    hits = np.cumsum(wrong, dtype=np.float64)
    expected = 2 * hits / (np.arange(1, len(wrong) + 1) + hits[-1])
    best = int(np.argmax(expected))
    return best + 1 if expected[best] > np.prod(1 - wrong, dtype=np.float64) else 0


def target_precision(wrong: Floats, target: float) -> int:
    """Return how many flags are expected to be right in at least this share: the mean of their p.

    Args:
        wrong: (m,), falling.
        target: above 0 to 1.
    """
    means = np.cumsum(wrong, dtype=np.float64) / np.arange(1, len(wrong) + 1)
    return int((means >= target).sum())  # means of falling numbers fall
