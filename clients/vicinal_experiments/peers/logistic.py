"""Logistic regression on the embeddings: the linear probe."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from vicinal_experiments.data import Floats, Ints
from vicinal_experiments.peers.base import certain, labelled, one_thread, spread_out

__all__ = ["LinearProbe", "fitted", "strength"]

_STRENGTHS = (1.0, 10.0, 100.0)
"""Of C, among which cross-validation chooses."""
_FOLDS = 3
_MOST_JUDGED = 2_000
"""Labelled samples that the choice of C is made on."""
_ITERATIONS = 200
_MANY = 20_000
_ITERATIONS_FOR_MANY = 50
"""On more than `_MANY` samples; twice as many change the accuracy by some 0.2 points."""


class LinearProbe:
    """scikit-learn's LogisticRegression (L2), C among 1, 10 and 100 by three-fold cross-validation.

    The choice is made on at most 2,000 labels, and a model of more than 20,000 stops after 50 iterations.
    """

    name: ClassVar[str] = "logistic regression"
    inductive: ClassVar[bool] = True

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def fit_predict(self, vectors: Floats, labels: Ints, seed: int) -> Floats:
        """See `Peer`."""
        rows = labelled(labels)
        known = vectors[rows]
        if len(rows) < vectors.shape[1]:
            # The solution lies in the span of the labelled vectors: turned into it, the problem is the same
            # and smaller.
            basis = np.linalg.qr(known.T)[0]
            known, vectors = known @ basis, vectors @ basis
        if len(np.unique(labels[rows])) == 1:
            return certain(labels[rows[0]], len(vectors), self._classes)
        model = fitted(known, labels[rows], strength(known, labels[rows], seed))
        return spread_out(model.predict_proba(vectors), model.classes_, self._classes)


def fitted(vectors: Floats, labels: Ints, strength: float) -> LogisticRegression:
    """Return the model of C = `strength`; it may stop before it has converged, as far as it came."""
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore", ConvergenceWarning)
        most = _ITERATIONS_FOR_MANY if len(labels) > _MANY else _ITERATIONS
        return LogisticRegression(C=strength, max_iter=most).fit(vectors, labels)


def strength(vectors: Floats, labels: Ints, seed: int) -> float:
    """Return the C of the best accuracy under cross-validation, the greatest of equals.

    Args:
        vectors: float32 (m, d).
        labels: int32 (m,), at least two classes.
        seed: of the folds.
    """
    order = np.random.default_rng(seed).permutation(len(labels))[:_MOST_JUDGED]
    fold = np.arange(len(order)) % _FOLDS
    right = dict.fromkeys(_STRENGTHS, 0)
    for out in range(_FOLDS):
        fit, judge = order[fold != out], order[fold == out]
        if len(judge) and len(np.unique(labels[fit])) > 1:
            for candidate in _STRENGTHS:
                right[candidate] += _hits(
                    fitted(vectors[fit], labels[fit], candidate), vectors[judge], labels[judge]
                )
    return max(_STRENGTHS, key=lambda candidate: (right[candidate], candidate))


def _hits(model: LogisticRegression, vectors: Floats, labels: npt.NDArray[np.int32]) -> int:
    return int((model.predict(vectors) == labels).sum())
