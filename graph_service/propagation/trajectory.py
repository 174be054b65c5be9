"""Every step's state of one propagation, so that the next one makes only the rows anew that changed."""

from __future__ import annotations

from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.backwards import Reverse, backwards
from graph_service.propagation.seeds import Seeds
from graph_service.propagation.states import Change, States

__all__ = ["Trajectory"]

Int64 = npt.NDArray[np.int64]
S = TypeVar("S", bound=States)

REMADE_COST = 8
"""What making a row here and there takes, in rows of a sweep over all."""
_GREATEST = 60 * np.log(2)
"""Logarithm of the most mass, in that of the heaviest label of the full run, that a later label may have."""


class Trajectory(Generic[S]):
    """The states Z(0) … Z(t) of the propagation that `propagate` does.

    Row i of Z(s + 1) is what f makes of the rows of its neighbours in Z(s), or its seed if it is clamped.
    After a change of labels each row that is written tells those that list it how much has changed, and a
    row is made anew once that may come to more than ε of its mass since it was last made. So every row is
    always within ε of what f makes of the rows that are there, whatever came before: nothing builds up
    from update to update. As f averages, a row of Z(t) is then within (1 + ε)^t - 1 of a full run's, in
    absolute differences summed over the row, in terms of the row's mass, and zero only where a full run's is.

    Once a step has more rows to make than a sweep over all would cost, it and those after it are swept.

    Attributes:
        states: the states.
    """

    def __init__(self, adj: Adjacency, seeds: Seeds, states: S) -> None:
        self.states = states
        self._adj = adj
        self._seeds = seeds
        self._clamped = np.zeros(len(adj), np.bool_)
        self._faint = states.faint(adj.lightest)
        top = seeds.log_masses(adj.log_degrees).max(initial=-np.inf)
        self._top = top if np.isfinite(top) else 0.0

    @classmethod
    def full(cls, adj: Adjacency, seeds: Seeds, states: S) -> Trajectory[S] | None:
        """Propagate; None where the type of the scores is not enough. O(steps · nnz · width), on all cores.

        Args:
            adj: the graph, of n rows.
            seeds: the labels.
            states: of zeros; of more classes than the greatest in the seeds. If they keep less than all
                steps, there are no updates.
        """
        made = cls(adj, seeds, states)
        sufficed = made._place(seeds) and made._sweep(0) is not None
        return made if sufficed else None

    def update(self, seeds: Seeds) -> Int64 | None:
        """Propagate from other labels; return the nodes whose row of the last state was written.

        None where the type of the scores is not enough; the trajectory is then worth nothing. O(rows that
        changed · k · width), or at worst a full run.
        """
        changed = seeds.differing(self._seeds)
        self._seeds = seeds
        moved = self.states.masses(changed)
        self.states.rows[0, changed] = 0
        self._clamped[changed] = False
        self.states.room[:, changed] = -1
        if not self._place(seeds.of(changed)):
            return None
        moved = np.ascontiguousarray(moved + self.states.masses(changed))
        change = Change(changed, moved, self._clamped[changed])
        written = self.states.follow(self._adj, self._reverse, change, self._most, self._faint)
        if written.steps < 0:
            return None
        return written.nodes if written.steps == self.states.steps else self._sweep(written.steps)

    @cached_property
    def _reverse(self) -> Reverse:
        return backwards(self._adj.indptr, self._adj.indices, self._adj.weights)

    @property
    def _most(self) -> int:
        """Rows to make anew in a step from which on a sweep costs less."""
        return len(self._adj) // REMADE_COST

    def _place(self, seeds: Seeds) -> bool:
        """Write seeds, whose rows of Z(0) are zero, to the states; return whether these can hold them."""
        log_mass = seeds.log_masses(self._adj.log_degrees) - self._top
        sent = np.isfinite(log_mass)
        if (log_mass > _GREATEST).any() or (sent & (np.exp(log_mass) < self._faint)).any():
            return False
        factors = np.exp(log_mass)
        self.states.write(0, seeds, factors)
        kept = seeds.nodes[seeds.clamped]
        self._clamped[kept] = True
        self.states.room[:, kept] = np.inf
        self.states.rows[1:, kept] = self.states.rows[0, kept]
        # Who has no neighbours sends nothing, but knows its own label.
        alone = np.flatnonzero(seeds.clamped & ~sent)
        if len(alone):
            self.states.write(self.states.steps, seeds[alone], np.ones(len(alone)))
        return True

    def _sweep(self, first: int) -> Int64 | None:
        """Take the steps from number `first` on at all rows; return all nodes, None as `update`."""
        if not self.states.sweep(self._adj, first, self._clamped, self._faint):
            return None
        return np.arange(len(self._adj))
