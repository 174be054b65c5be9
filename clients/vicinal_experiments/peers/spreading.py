"""scikit-learn's LabelSpreading, on the shared neighbour lists."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from vicinal_experiments.data import Floats, Ints
from vicinal_experiments.neighbours import Lists
from vicinal_experiments.peers.base import labelled, spread_out

__all__ = ["Spreading"]

_ITERATIONS = 30
_ALPHA = 0.9
"""Better than scikit-learn's default of 0.2 with few labels and with many, on all that was tried."""


class Spreading:
    """scikit-learn's LabelSpreading with its k-NN kernel (k = 10) and α = 0.9 unless told otherwise."""

    name: ClassVar[str] = "LabelSpreading"
    inductive: ClassVar[bool] = False

    def __init__(self, classes: int, lists: Lists, k: int = 10, alpha: float = _ALPHA) -> None:
        self._classes = classes
        self._alpha = alpha
        count, k = lists.first(k).ids.shape
        ends = np.arange(0, count * k + 1, k)
        ids = lists.first(k).ids.reshape(-1)
        self._graph = sparse.csr_matrix((np.ones(count * k), ids, ends), (count, count))

    def fit_predict(self, vectors: Floats, labels: Ints, seed: int) -> Floats:  # noqa: ARG002 - the graph is known
        """See `Peer`."""
        rows = np.arange(len(labels))[:, np.newaxis]
        model = LabelSpreading(kernel=lambda *_: self._graph, alpha=self._alpha, max_iter=_ITERATIONS)
        with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.simplefilter("ignore", RuntimeWarning)  # rows that no label reached are 0 / 0
            model.fit(rows, labels)
        scores = np.nan_to_num(model.label_distributions_)
        present = np.unique(labels[labelled(labels)])
        return spread_out(scores, present, self._classes)
