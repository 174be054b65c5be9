"""What labels say of nodes, in the form that inference takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Statements"]

Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Statements:
    """The labels of the nodes, one row a label; several annotators may label one node.

    Only classes that some label states are reckoned with: a *column* is the place of a class among them.

    Attributes:
        nodes: int (m,), the node of each label.
        classes: int (m,), the class it states.
        verified: bool (m,), whether it is verified (else given).
        class_count: classes there are, those that nobody states included.
    """

    nodes: npt.NDArray[np.integer]
    classes: npt.NDArray[np.integer]
    verified: Bools
    class_count: int

    def __len__(self) -> int:
        """Number of labels."""
        return len(self.nodes)

    def drawn(self, most: int) -> Ints:
        """Return the places in `labelled` of `most` nodes drawn at random, of all where there are no more."""
        if len(self.labelled) <= most:
            return np.arange(len(self.labelled))
        # Drawn in the order of the labels, which outlasts a restart; that of the nodes does not.
        _, first = np.unique(self.nodes, return_index=True)
        chosen = np.random.default_rng(0).choice(np.sort(first), most, replace=False)
        places: Ints = self.places[chosen]
        return places

    @cached_property
    def seen(self) -> Ints:
        """The classes stated, int64 (c,), rising."""
        return np.flatnonzero(np.bincount(self.classes, minlength=self.class_count))

    @property
    def columns(self) -> Int32:
        """The column of each label, int32 (m,)."""
        of_class = np.searchsorted(self.seen, np.arange(self.class_count)).astype(np.int32)
        columns: Int32 = of_class[self.classes]
        return columns

    @cached_property
    def labelled(self) -> Ints:
        """The nodes with a label, int64 (l,), rising."""
        return self._labelled_and_places[0]

    @cached_property
    def places(self) -> Ints:
        """The place of each label's node in `labelled`, int64 (m,)."""
        return self._labelled_and_places[1]

    @cached_property
    def _labelled_and_places(self) -> tuple[Ints, Ints]:
        # By marks: to sort the labels takes longer than to pass over all nodes.
        has_any = np.zeros(int(self.nodes.max(initial=-1)) + 1, np.bool_)
        has_any[self.nodes] = True
        labelled = np.flatnonzero(has_any)
        place_of = np.empty(len(has_any), np.int64)
        place_of[labelled] = np.arange(len(labelled))
        return labelled, place_of[self.nodes]

    @cached_property
    def clamped(self) -> Bools:
        """Which of `labelled` hold a verified label, bool (l,)."""
        clamped = np.zeros(len(self.labelled), np.bool_)
        clamped[self.places[self.verified]] = True
        return clamped

    @cached_property
    def counting(self) -> Bools:
        """Which labels count, bool (m,): verified ones, and given ones that no verified one overrules."""
        counting: Bools = self.verified | ~self.clamped[self.places]
        return counting

    @cached_property
    def seeds(self) -> Float32:
        """What the labels that count say of each of `labelled`: float32 (l, c), rows sum to 1."""
        shape = len(self.labelled), len(self.seen)
        cells = self.places[self.counting] * shape[1] + self.columns[self.counting]
        counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        rows: Float32 = counts.astype(np.float32)
        rows /= rows.sum(axis=1, keepdims=True)
        return rows
