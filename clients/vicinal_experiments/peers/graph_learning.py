"""GraphLearning's Laplace and Poisson learning, on the shared neighbour lists."""

from __future__ import annotations

from typing import Any, ClassVar

import graphlearning
import numpy as np

from vicinal_experiments.data import Floats, Ints
from vicinal_experiments.neighbours import Lists
from vicinal_experiments.peers.base import certain, labelled, spread_out

__all__ = ["Laplace", "Poisson", "weights"]


def weights(lists: Lists, k: int = 10) -> Any:
    """Return GraphLearning's weight matrix, with its default (Gaussian) kernel and symmetrisation."""
    near = lists.first(k)
    count = len(near.ids)
    ids = np.column_stack([np.arange(count), near.ids]).astype(np.int64)
    squares = np.maximum(2 - 2 * near.similarities, 1e-12)  # a kernel width of 0 would divide by it
    distances = np.column_stack([np.zeros(count), np.sqrt(squares)])
    return graphlearning.weightmatrix.knn(None, near.ids.shape[1], knn_data=(ids, distances))


class _Solved:
    """What both methods have in common: they want classes numbered without gaps."""

    inductive: ClassVar[bool] = False

    def __init__(self, classes: int, matrix: Any) -> None:
        self._classes = classes
        self._matrix = matrix

    def _model(self) -> Any:
        raise NotImplementedError

    def fit_predict(self, vectors: Floats, labels: Ints, seed: int) -> Floats:  # noqa: ARG002 - nothing is random
        """See `Peer`."""
        rows = labelled(labels)
        present, numbers = np.unique(labels[rows], return_inverse=True)
        if len(present) == 1:
            return certain(present[0], len(labels), self._classes)
        return spread_out(self._model().fit(rows, numbers), present, self._classes)


class Laplace(_Solved):
    """Laplace learning: Zhu, Ghahramani and Lafferty 2003."""

    name: ClassVar[str] = "Laplace learning"

    def _model(self) -> Any:
        return graphlearning.ssl.laplace(self._matrix)


class Poisson(_Solved):
    """Poisson learning: Calder, Cook, Thorpe and Slepčev 2020."""

    name: ClassVar[str] = "Poisson learning"

    def _model(self) -> Any:
        # The authors' iteration; the package's default solver is less accurate at few labels.
        return graphlearning.ssl.poisson(self._matrix, solver="gradient_descent")
