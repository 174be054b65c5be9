"""How many samples a suggestion stands for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.thinned import unit

__all__ = ["represented"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

_BLOCK = 4096


def represented(features: Float32, sample: Int32, labelled: Int32, picks: Int32) -> npt.NDArray[np.float64]:
    """Return the share of all nodes that are nearer to each pick than to any labelled node or other pick.

    Counted on nodes that stand for all; O(s (l + m) p). Nearness is the cosine of the features.

    Args:
        features: float32 (n, p).
        sample: int32 (s,), nodes that stand for all.
        labelled: int32 (l,), nodes with a label.
        picks: int32 (m,); the first of equally near ones counts.

    Returns:
        float64 (m,), 0 to 1; together at most 1.
    """
    if not len(picks):
        return np.zeros(0)
    rows = unit(features[sample])
    nearest = np.full(len(sample), -np.inf, np.float32)
    for start in range(0, len(labelled), _BLOCK):
        cosines = rows @ unit(features[labelled[start : start + _BLOCK]]).T
        np.maximum(nearest, cosines.max(axis=1), out=nearest)
    cosines = rows @ unit(features[picks]).T
    first = cosines.argmax(axis=1)
    counts = np.bincount(first[cosines.max(axis=1) > nearest], minlength=len(picks))
    shares: npt.NDArray[np.float64] = counts / max(len(sample), 1)
    return shares
