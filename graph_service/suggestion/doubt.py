"""What is in doubt: the part of the samples that the default strategy covers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.uncertainty import narrowness

__all__ = ["doubtful"]

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_SHARE_OF_DOUBT = 0.25


def doubtful(beliefs: Float32, least: int) -> Bools:
    """Say which rows are the most doubtful: the fewest that hold a quarter of all doubt together.

    A row's doubt is 1 minus the lead of its first class over its second, 1 where unreached. As labels come
    in, doubt withdraws to the borders between the classes, and this part with it.

    Args:
        beliefs: float32 (m, C), rows sum to 1, or to 0 where unreached.
        least: rows to name at least, at most m.

    Returns:
        bool (m,).
    """
    doubt = narrowness(beliefs).astype(np.float64)
    order = np.argsort(-doubt, kind="stable")
    total = np.cumsum(doubt[order])
    enough = int(np.searchsorted(total, _SHARE_OF_DOUBT * total[-1])) + 1
    chosen = np.zeros(len(doubt), np.bool_)
    chosen[order[: max(enough, least)]] = True
    return chosen
