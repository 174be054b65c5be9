"""Graphs with labels to propagate over, made once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graph_service.propagation.order import breadth_first, renumbered

CACHE = Path(".cache/benchmarks")
_DIMENSION = 32
_SPREAD = 0.8
_BLOCK = 2048
_LABELLED = 0.01

Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Problem:
    """Neighbour lists and the classes of the nodes, of which 1% are labelled.

    Attributes:
        neighbours: int32 (n, k).
        similarities: float32 (n, k).
        truth: int32 (n,).
        labelled: int64 (m,), rising.
        classes: C.
    """

    neighbours: Int32
    similarities: Float32
    truth: Int32
    labelled: npt.NDArray[np.int64]
    classes: int

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.truth)

    def ordered(self) -> Problem:
        """The same with neighbours together in memory, as the service numbers its nodes."""
        order = breadth_first(self.neighbours, np.ones(len(self), np.bool_))
        number = np.empty(len(self), np.int32)
        number[order] = np.arange(len(self), dtype=np.int32)
        return Problem(
            renumbered(self.neighbours, order, number),
            self.similarities[order],
            self.truth[order],
            np.sort(number[self.labelled]).astype(np.int64),
            self.classes,
        )


def problem(nodes: int, classes: int, k: int) -> Problem:
    """Vectors around one centre a class, in random order, and each one's k nearest of its class.

    Neighbours of other classes, of which there are some in a thousand, are left out: so a million lists take
    two minutes instead of hours.
    """
    path = CACHE / f"graph-{nodes}-{classes}-{k}.npz"
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, nodes, dtype=np.int32)
    labelled = np.flatnonzero(rng.random(nodes) < _LABELLED)
    if not path.exists():
        print(f"making {nodes:,} neighbour lists, k = {k} (once, kept in {CACHE})", flush=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        neighbours, similarities = _lists(truth, classes, k)
        np.savez(path, neighbours=neighbours, similarities=similarities)
    with np.load(path) as lists:
        return Problem(lists["neighbours"], lists["similarities"], truth, labelled, classes)


def _lists(truth: Int32, classes: int, k: int) -> tuple[Int32, Float32]:
    neighbours = np.empty((len(truth), k), np.int32)
    similarities = np.empty((len(truth), k), np.float32)
    rng = np.random.default_rng(1)
    for class_index in range(classes):
        members = np.flatnonzero(truth == class_index)
        centre = rng.standard_normal(_DIMENSION, np.float32)
        vectors = centre + np.float32(_SPREAD) * rng.standard_normal((len(members), _DIMENSION), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        for start in range(0, len(members), _BLOCK):
            rows = members[start : start + _BLOCK]
            products = vectors[start : start + _BLOCK] @ vectors.T
            products[np.arange(len(rows)), start + np.arange(len(rows))] = -np.inf
            places = np.argpartition(products, -k, axis=1)[:, -k:]
            cosines = np.take_along_axis(products, places, axis=1)
            order = np.argsort(-cosines, axis=1)
            neighbours[rows] = members[np.take_along_axis(places, order, axis=1)]
            similarities[rows] = np.take_along_axis(cosines, order, axis=1)
    return neighbours, similarities
