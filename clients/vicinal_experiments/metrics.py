"""How right beliefs and rankings are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

__all__ = ["BINS", "Bin", "calibration_error", "ranking", "reliability"]

BINS = 15
"""Of a reliability diagram, of equal width: Guo et al. 2017, "On Calibration of Modern Neural Networks"."""


@dataclass(frozen=True)
class Bin:
    """The judgements whose stated probability lies in one interval.

    Attributes:
        centre: of the interval, 0 to 1.
        stated: mean of the probabilities.
        observed: share that came true.
        share: of all judgements.
    """

    centre: float
    stated: float
    observed: float
    share: float


def reliability(stated: npt.NDArray[np.floating], came_true: npt.NDArray[np.bool_]) -> list[Bin]:
    """Return the bins that are not empty, least probability first.

    Args:
        stated: (n,) probabilities, 0 to 1.
        came_true: (n,).
    """
    places = np.clip((stated * BINS).astype(int), 0, BINS - 1)
    return [
        Bin(
            (i + 0.5) / BINS,
            float(stated[places == i].mean()),
            float(came_true[places == i].mean()),
            float((places == i).mean()),
        )
        for i in np.unique(places).tolist()
    ]


def calibration_error(stated: npt.NDArray[np.floating], came_true: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error (ECE): the bins' mean |stated − observed|, by their shares."""
    return sum(one.share * abs(one.stated - one.observed) for one in reliability(stated, came_true))


def ranking(
    suspicion: npt.NDArray[np.floating], flagged: npt.NDArray[np.bool_], wrong: npt.NDArray[np.bool_]
) -> dict[str, float]:
    """Return how well a suspicion finds what is wrong: AUROC, average precision, and F1 at its own cut.

    Args:
        suspicion: (n,), greater for what looks more wrong.
        flagged: (n,), what the method itself calls wrong.
        wrong: (n,), at least one of each kind.
    """
    return {
        "AUROC": float(roc_auc_score(wrong, suspicion)),
        "average precision": float(average_precision_score(wrong, suspicion)),
        "F1": float(f1_score(wrong, flagged, zero_division=0.0)),
    }
