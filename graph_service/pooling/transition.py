"""How often labels are wrong: the probability of stating each class given the true one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.pooling.scatter import add_rows_at

__all__ = ["smoothed", "transition"]

_PRIOR_LABELS = 10.0
"""Labels of each class that the prior is worth."""
_PRIOR_RIGHT = 0.9
"""Share of labels that are right before any is seen."""


def transition(beliefs: npt.NDArray[np.float32], columns: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return N, float64 (c, c): N[a, b] = P(a label states b | a is true); rows sum to 1.

    One M-step of Dawid & Skene (1979) for all annotators together: labels are counted by what their
    nodes are believed to be, on top of a prior of ten labels a class, nine of them right. O(m c + c²).

    Args:
        beliefs: float32 (m, c), the belief of each label's node.
        columns: int (m,), the column that each label states.
    """
    stated = np.zeros((beliefs.shape[1],) * 2)
    rows = np.ascontiguousarray(beliefs, np.float32)
    add_rows_at(stated, columns.astype(np.int64), rows, np.arange(len(columns)))
    return smoothed(stated)


def smoothed(stated: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return N of counts, float64 (c, c), how many labels state row's class where column's is true; O(c²)."""
    classes = len(stated)
    counts = np.full((classes, classes), _PRIOR_LABELS * (1 - _PRIOR_RIGHT) / max(classes - 1, 1))
    np.fill_diagonal(counts, _PRIOR_LABELS * _PRIOR_RIGHT)
    counts += stated.T
    shares: npt.NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares
