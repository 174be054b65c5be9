"""Every step's state of one propagation, so that the next one makes only the rows anew that changed."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.backwards import Reverse, backwards, push
from graph_service.propagation.lanes import lane_rows
from graph_service.propagation.remake import remake
from graph_service.propagation.seeds import Seeds

__all__ = ["Trajectory"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

TOLERANCE = 0.001
"""ε: how much of a row's sum may arrive differently before the row is made anew."""
REMADE_COST = 4
"""What making a row here and there takes, in rows of a sweep over all."""
_GREATEST = 60 * np.log(2)
"""Logarithm of the most mass, in that of the heaviest label of the full run, that a later label may have."""


class Trajectory:
    """The states Z(0) … Z(t) of the propagation that `propagate` does, in float32.

    Row i of Z(s + 1) is what f makes of the rows of its neighbours in Z(s), or its seed if it is clamped.
    After a change of labels each row that is written tells those that list it how much has changed, and a
    row is made anew once that may come to more than ε of its sum since it was last made. So every row is
    always within ε of what f makes of the rows that are there, whatever came before: nothing builds up
    from update to update. As f averages, a row of Z(t) is then within (1 + ε)^t - 1 of a full run's, in
    absolute differences summed over the row, in terms of the row's sum; and zero only where a full run's is.

    Once a step has more rows to make than a sweep over all would cost, it and those after it are swept.
    Memory is 4 (t + 1) n (C + 1) bytes, C rounded up to a multiple of 16.
    """

    def __init__(self, adj: Adjacency, seeds: Seeds, classes: int, steps: int) -> None:
        self._adj = adj
        self._classes = classes
        self._seeds = seeds
        self._states = lane_rows((steps + 1) * len(adj), classes).reshape(steps + 1, len(adj), -1)
        self._room = np.zeros((steps, len(adj)), np.float32)
        self._clamped = np.zeros(len(adj), np.bool_)
        self._faint = max(2.0**-100, 2.0**-135 / adj.lightest)
        top = seeds.log_masses(adj.log_degrees).max(initial=-np.inf)
        self._top = top if np.isfinite(top) else 0.0

    @classmethod
    def full(cls, adj: Adjacency, seeds: Seeds, classes: int, steps: int) -> Trajectory | None:
        """Propagate; None where float32 is not enough. O(steps · nnz · C), on all cores.

        Args:
            adj: the graph.
            seeds: the labels.
            classes: C, more than the greatest class in the seeds.
            steps: t, at least 1.
        """
        made = cls(adj, seeds, classes, steps)
        sufficed = made._place(seeds) and made._sweep(0) is not None
        return made if sufficed else None

    def update(self, seeds: Seeds) -> Int64 | None:
        """Propagate from other labels; return the nodes whose row of the last state was written.

        None where float32 is not enough; the trajectory is then worth nothing. O(rows that changed · k · C),
        or at worst a full run.
        """
        changed = seeds.differing(self._seeds)
        self._seeds = seeds
        before = self._states[:, changed]
        self._states[0, changed] = 0
        self._clamped[changed] = False
        self._room[:, changed] = 0
        if not self._place(seeds[np.flatnonzero(np.isin(seeds.nodes, changed))]):
            return None
        moved = np.abs(self._states[:, changed] - before).sum(axis=2)
        clamped = self._clamped[changed]
        # Those clamped change in every state, the others in the first; from there on they are made anew.
        fixed, free = changed[clamped], changed[~clamped]
        nodes, changes = changed, moved[0]
        for step in range(len(self._room)):
            rows, found = push(*self._reverse, nodes, changes, self._room[step], self._most)
            if not found:
                return self._sweep(step)
            rows = np.union1d(rows, free)
            made = self._remake(step, rows)
            if made is None:
                return None
            nodes, changes = np.concatenate([rows, fixed]), np.concatenate([made, moved[step + 1, clamped]])
        return nodes

    def rows(self, nodes: npt.NDArray[np.integer]) -> Float32:
        """Return the scores of these nodes, float32 (m, C), each row up to a factor of its own."""
        scores: Float32 = self._states[-1, nodes, : self._classes]
        return scores

    @cached_property
    def _reverse(self) -> Reverse:
        return backwards(self._adj.indptr, self._adj.indices, self._adj.weights)

    @property
    def _most(self) -> int:
        """Rows to make anew in a step from which on a sweep costs less."""
        return len(self._adj) // REMADE_COST

    def _place(self, seeds: Seeds) -> bool:
        """Write seeds, whose rows of Z(0) are zero, to the states; return whether float32 holds them."""
        log_mass = seeds.log_masses(self._adj.log_degrees) - self._top
        sent = np.isfinite(log_mass)
        if ((log_mass < np.log(self._faint)) & sent | (log_mass > _GREATEST)).any():
            return False
        rows = seeds.dense(self._classes)
        scaled = rows * np.exp(log_mass)[:, np.newaxis].astype(np.float32)
        self._states[0, seeds.nodes, : self._classes] = scaled
        kept = seeds.nodes[seeds.clamped]
        self._clamped[kept] = True
        self._room[:, kept] = np.inf
        self._states[1:, kept, : self._classes] = scaled[seeds.clamped]
        # Who has no neighbours sends nothing, but knows its own label.
        alone = seeds.clamped & ~sent
        self._states[-1, seeds.nodes[alone], : self._classes] = rows[alone]
        return True

    def _sweep(self, first: int) -> Int64 | None:
        """Take the steps from number `first` on at all rows; return all nodes, None as `update`."""
        rows = np.flatnonzero(~self._clamped)
        for step in range(first, len(self._room)):
            if self._remake(step, rows) is None:
                return None
        return np.arange(len(self._adj))

    def _remake(self, step: int, rows: Int64) -> Float32 | None:
        """Make rows of the state after `step` anew; return how they changed, None where one is too faint."""
        adj, states = self._adj, self._states
        changes, sufficed = remake(
            (adj.indptr, adj.indices, adj.weights),
            rows,
            states[step],
            states[step + 1],
            self._room[step],
            TOLERANCE,
            self._faint,
        )
        return changes if sufficed else None
