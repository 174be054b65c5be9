"""The weighted vote of the nearest labelled samples."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from vicinal_experiments.data import Floats, Ints
from vicinal_experiments.neighbours import Lists, nearest, vote
from vicinal_experiments.peers.base import labelled

__all__ = ["WeightedKnn"]


class WeightedKnn:
    """Each sample takes the vote of its k nearest labelled others, weighted by exp(cosine / T)."""

    name: ClassVar[str] = "weighted k-NN"
    inductive: ClassVar[bool] = True

    def __init__(self, classes: int, lists: Lists, k: int = 10, temperature: float = 0.1) -> None:
        """Take the neighbour lists of the first rows of what `fit_predict` is given."""
        self._classes = classes
        self._lists = lists.first(k)
        self._k = k
        self._temperature = temperature

    def fit_predict(self, vectors: Floats, labels: Ints, seed: int) -> Floats:  # noqa: ARG002 - nothing is random
        """See `Peer`. O(n · labelled · d); O(n · k) for rows of the lists when all of those are labelled."""
        rows = labelled(labels)
        listed = len(self._lists.ids) if len(rows) == len(self._lists.ids) else 0
        parts = [vote(self._lists, labels, self._classes, self._temperature)] if listed else []
        if listed < len(vectors):
            found = nearest(vectors[listed:], vectors[rows], self._k)
            parts.append(vote(found, labels[rows], self._classes, self._temperature))
        return np.concatenate(parts)
