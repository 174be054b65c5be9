"""The states that a propagation passes through: all scores of a row, or its heaviest alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.backwards import Reverse, push
from graph_service.propagation.kernel import sweep
from graph_service.propagation.lanes import lane_rows
from graph_service.propagation.merge import HEAVIEST, LOST, classes_of, merge
from graph_service.propagation.remake import follow
from graph_service.propagation.seeds import Seeds

__all__ = ["Change", "Dense", "Heaviest", "States", "Written"]

Floats = npt.NDArray[np.floating]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt16 = npt.NDArray[np.uint16]
Int64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Change:
    """Rows of the first state that are others now; `room` is below 0 where they are not clamped.

    Attributes:
        nodes: int64 (m,), whose.
        moved: (kept, m), by how much the row of each state has changed, at most: the sums of the old and new.
        clamped: bool (m,), which of them keep their row in all states.
    """

    nodes: Int64
    moved: Floats
    clamped: Bools


@dataclass(frozen=True, eq=False)
class Written:
    """What was made of a change.

    Attributes:
        nodes: int64, those whose row was written in the last state made.
        steps: how many steps were taken: t, or those before the one that has too many rows to make; -1 where
            the type of the scores is not enough.
        made: how many rows were made in all.
    """

    nodes: Int64
    steps: int
    made: int


class States(Protocol):
    """Z(0) … Z(t) of n nodes, of which the `kept` last written are there.

    Attributes:
        classes: C.
        steps: t.
        kept: t + 1, or 2 if only the last state is wanted.
        tolerance: ε, how much of a row's mass may arrive differently before the row is made anew.
        room: (kept - 1, n), of the type of the rows: how much of what a row of Z(1) … is made of may still
            change before it is made anew; infinite where a row is never made.
        rows: (kept, n, width).
    """

    classes: int
    steps: int
    kept: int
    tolerance: float
    room: Floats
    rows: Floats

    def faint(self, lightest: float) -> float:
        """Return the least mass of a row that the type of the scores is enough for."""

    def write(self, step: int, seeds: Seeds, factors: Float64) -> None:
        """Make these rows of a state the seeds times a factor each, and nothing besides."""

    def masses(self, nodes: Int64) -> Floats:
        """Return (kept, m), the sums of the rows of these nodes."""

    def follow(self, adj: Adjacency, reverse: Reverse, change: Change, most: int, faint: float) -> Written:
        """Make the rows anew that a change of some rows of the first state concerns, state after state.

        Args:
            adj: the graph.
            reverse: the same backwards.
            change: of the first state.
            most: rows to make in a step at most.
            faint: see `faint`.
        """

    def sweep(self, adj: Adjacency, first: int, clamped: Bools, faint: float) -> bool:
        """Take the steps from number `first` on, for all rows but the clamped.

        Returns:
            Whether no row is too faint.
        """


class Dense:
    """All scores, in float32; 4 kept n (C + 1) bytes, C rounded up to a multiple of 16.

    With ε = 1% one more label costs less than a quarter of a full run even at 60,000 × 10. Measured, no
    belief was off by more than 0.01.
    """

    tolerance = 0.01

    def __init__(self, nodes: int, classes: int, steps: int, *, kept: int) -> None:
        self.classes = classes
        self.steps = steps
        self.kept = kept
        self.rows: Floats = lane_rows(kept * nodes, classes).reshape(kept, nodes, -1)
        self.room: Float32 = np.zeros((kept - 1, nodes), np.float32)

    def faint(self, lightest: float) -> float:
        """A product of the lightest edge with it is 2⁻¹³⁵: see `propagate`."""
        return max(2.0**-100, 2.0**-135 / lightest)

    def write(self, step: int, seeds: Seeds, factors: Float64) -> None:
        """See `States`."""
        rows = seeds.dense(self.classes) * factors[:, np.newaxis].astype(np.float32)
        self.rows[step % self.kept, seeds.nodes, : self.classes] = rows

    def masses(self, nodes: Int64) -> Float32:
        """See `States`."""
        sums: Float32 = self.rows[:, nodes].sum(axis=2)
        return sums

    def follow(self, adj: Adjacency, reverse: Reverse, change: Change, most: int, faint: float) -> Written:
        """See `States`; compiled as a whole, as its steps are short."""
        graph = adj.indptr, adj.indices, adj.weights
        changed = change.nodes, change.moved, change.clamped
        return Written(*follow(graph, reverse, self.rows, self.room, *changed, most, self.tolerance, faint))

    def sweep(self, adj: Adjacency, first: int, clamped: Bools, faint: float) -> bool:
        """See `States`."""
        return sweep(
            adj.indptr,
            adj.indices,
            adj.weights,
            clamped,
            self.rows,
            self.room,
            first,
            self.steps,
            self.tolerance,
            faint,
            self.kept > self.steps,
        )

    def scores(self, nodes: npt.NDArray[np.integer]) -> Float32:
        """Return the rows of the last state, float32 (m, C)."""
        found: Float32 = self.rows[self.steps % self.kept, nodes, : self.classes]
        return found


class Heaviest:
    """The heaviest 8 classes of each row: 68 kept n bytes, whatever C is; twice that in float64.

    Of a row that a step has made, those below 0.2% of the greatest are dropped, too. What all dropped
    scores of a row may sum to is kept beside it, so that each class's true score is known to lie between the
    score kept (or 0) and that much more.

    Args:
        nodes: n.
        classes: C, at most 2¹⁶.
        steps: t.
        kept: see `States`.
        dtype: float32; or float64, which holds masses down to 2⁻⁹⁰⁰ of the heaviest label's.
    """

    # Of more classes the leads are narrower, and a full run costs so much more that this hardly matters.
    tolerance = 0.001

    def __init__(
        self, nodes: int, classes: int, steps: int, *, kept: int, dtype: type[np.floating] = np.float32
    ) -> None:
        self.classes = classes
        self.steps = steps
        self.kept = kept
        of_float32 = 16 * np.dtype(dtype).itemsize // 4
        self.rows: Floats = lane_rows(kept * nodes, of_float32).view(dtype).reshape(kept, nodes, 16)
        self.room: Floats = np.zeros((kept - 1, nodes), dtype)

    def faint(self, lightest: float) -> float:
        """As `Dense.faint`; what float64 does not hold counts as nothing."""
        return max(2.0**-100, 2.0**-135 / lightest) if self.rows.dtype == np.float32 else 0.0

    def write(self, step: int, seeds: Seeds, factors: Float64) -> None:
        """See `States`."""
        # The heaviest of each node first, so that an entry's place among its node's is its column.
        owners = seeds.owners
        order = np.lexsort((-seeds.shares, owners))
        owners = owners[order]
        places = np.arange(len(order)) - seeds.starts[owners]
        scores = seeds.shares[order] * factors[owners]
        state = self.rows[step % self.kept]
        state[seeds.nodes] = 0
        kept = places < HEAVIEST
        nodes, places = seeds.nodes[owners], np.minimum(places, LOST)
        state[nodes[kept], places[kept]] = scores[kept]
        classes_of(state)[nodes[kept], places[kept]] = seeds.classes[order][kept]
        np.add.at(state[:, LOST], nodes[~kept], scores[~kept])

    def masses(self, nodes: Int64) -> Floats:
        """See `States`."""
        sums: Floats = self.rows[:, nodes, : LOST + 1].sum(axis=2)
        return sums

    def follow(self, adj: Adjacency, reverse: Reverse, change: Change, most: int, faint: float) -> Written:
        """See `States`."""
        fixed, free = change.nodes[change.clamped], change.nodes[~change.clamped]
        nodes, changes, count = change.nodes, change.moved[0], 0
        for step in range(self.steps):
            rows, found = push(*reverse, nodes, changes, self.room[step], most)
            if not found:
                return Written(nodes, step, count)
            rows = np.concatenate([rows, free])
            made = self._remake(adj, step, rows, faint)
            if made is None:
                return Written(nodes, -1, count)
            count += len(rows)
            nodes = np.concatenate([rows, fixed])
            changes = np.concatenate([made, change.moved[step + 1, change.clamped]])
        return Written(nodes, self.steps, count)

    def _remake(self, adj: Adjacency, step: int, rows: Int64, faint: float) -> Floats | None:
        """Make rows of the state after `step` from that before.

        Returns:
            (r,), how much each has changed: its absolute changes summed; None where one is too faint.
        """
        changes, sufficed = merge(
            (adj.indptr, adj.indices, adj.weights),
            rows,
            self.rows[step % self.kept],
            self.rows[(step + 1) % self.kept],
            self.room[step % len(self.room)],
            self.tolerance,
            faint,
            self.classes,
        )
        return changes if sufficed else None

    def sweep(self, adj: Adjacency, first: int, clamped: Bools, faint: float) -> bool:
        """See `States`."""
        free = np.flatnonzero(~clamped)
        return all(self._remake(adj, step, free, faint) is not None for step in range(first, self.steps))

    def scores(self, nodes: npt.NDArray[np.integer]) -> tuple[UInt16, Floats, Floats]:
        """Return, of the rows of the last state, the classes and scores by falling score, and what is lost.

        uint16 (m, 8), (m, 8) and (m,); a score is 0 where there are no more classes.
        """
        state = self.rows[self.steps % self.kept]
        rows = state[nodes]
        return classes_of(rows).copy(), rows[:, :HEAVIEST], rows[:, LOST]
