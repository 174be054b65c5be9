"""Exact k-NN lists, computed once and shared by all peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vicinal_experiments.data import Floats, Ints

__all__ = ["Lists", "nearest", "vote"]

_CELLS = 2**25
"""Similarities held at a time: 128 MiB."""


@dataclass(frozen=True, eq=False)
class Lists:
    """The k nearest of each of n vectors, nearest first.

    Attributes:
        ids: int32 (n, k), rows of the vectors searched.
        similarities: float32 (n, k), cosines.
    """

    ids: Ints
    similarities: Floats

    def first(self, k: int) -> Lists:
        """Return the first k of each list."""
        return Lists(self.ids[:, :k], self.similarities[:, :k])


def nearest(
    queries: Floats | None,
    vectors: Floats,
    k: int,
    progress: Callable[[int, int], None] | None = None,
) -> Lists:
    """Return the k nearest `vectors` of each query by cosine, exactly: O(queries · vectors · d).

    Args:
        queries: float32 (m, d) of unit length; None means the vectors themselves, none being its own
            neighbour.
        vectors: float32 (n, d) of unit length.
        k: at most n (n − 1 without queries); a greater one is cut to that.
        progress: called with how many queries are done, and how many there are.
    """
    asked = vectors if queries is None else queries
    k = min(k, len(vectors) - (queries is None))
    ids = np.empty((len(asked), k), np.int32)
    similarities = np.empty((len(asked), k), np.float32)
    step = max(1, _CELLS // len(vectors))
    for start in range(0, len(asked), step):
        part = slice(start, min(start + step, len(asked)))
        block = asked[part] @ vectors.T
        if queries is None:
            block[np.arange(len(block)), np.arange(part.start, part.stop)] = -np.inf
        found = np.argpartition(block, -k, axis=1)[:, -k:] if k < len(vectors) else _all(block)
        near = np.take_along_axis(block, found, axis=1)
        order = np.argsort(-near, axis=1, kind="stable")
        ids[part] = np.take_along_axis(found, order, axis=1)
        similarities[part] = np.take_along_axis(near, order, axis=1)
        if progress:
            progress(part.stop, len(asked))
    return Lists(ids, similarities)


def vote(lists: Lists, labels: Ints, classes: int, temperature: float) -> Floats:
    """Return each query's vote by the weights of the paper's eq. 2, exp(cosine / T); rows sum to 1.

    Args:
        lists: of n queries.
        labels: int32, the classes of the vectors searched.
        classes: how many there are.
        temperature: T.
    """
    logits = lists.similarities / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    votes = np.zeros((len(weights), classes), np.float32)
    for j in range(weights.shape[1]):
        np.add.at(votes, (np.arange(len(votes)), labels[lists.ids[:, j]]), weights[:, j])
    total: Floats = votes / votes.sum(axis=1, keepdims=True)
    return total


def _all(block: Floats) -> Ints:
    return np.broadcast_to(np.arange(block.shape[1], dtype=np.int32), block.shape)
