"""How well neighbours agree: with the labels, and with another encoder's neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["NEIGHBOURS", "accuracy", "agreement", "nearest"]

Vectors = npt.NDArray[np.float32]
"""Unit vectors (n, d), n at least 2."""

NEIGHBOURS = 10
_TEMPERATURE = 0.1
_BLOCK = 1024


def nearest(vectors: Vectors) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the 10 nearest others of each vector (fewer where there are not as many) and their cosines.

    Takes n² d steps and 1024 n numbers of memory.

    Returns:
        Numbers (n, k), in no order, and cosines (n, k).
    """
    count = min(NEIGHBOURS, len(vectors) - 1)
    numbers, cosines = [], []
    for start in range(0, len(vectors), _BLOCK):
        similarity = vectors[start : start + _BLOCK] @ vectors.T
        rows = np.arange(len(similarity))
        similarity[rows, start + rows] = -np.inf
        found = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        numbers.append(found)
        cosines.append(np.take_along_axis(similarity, found, axis=1))
    return np.concatenate(numbers), np.concatenate(cosines)


def accuracy(vectors: Vectors, labels: npt.NDArray[np.int64]) -> float:
    """Return the share of samples whose class wins the vote exp(cosine / 0.1) of their 10 nearest others.

    Args:
        vectors: see `Vectors`.
        labels: classes (n,), from 0.
    """
    numbers, cosines = nearest(vectors)
    votes = np.zeros((len(vectors), int(labels.max()) + 1))
    np.add.at(votes, (np.arange(len(vectors))[:, None], labels[numbers]), np.exp(cosines / _TEMPERATURE))
    return float((votes.argmax(axis=1) == labels).mean())


def agreement(vectors: Vectors, others: Vectors) -> float:
    """Return the share of each sample's 10 nearest others that both encoders name."""
    first, second = nearest(vectors)[0], nearest(others)[0]
    shared = [len(np.intersect1d(a, b)) for a, b in zip(first, second, strict=True)]
    return float(np.mean(shared) / first.shape[1])
