"""A graph of a few thousand nodes that stands for one of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled

__all__ = ["CANDIDATES", "COVERED", "NEIGHBOURS", "Thinned", "join"]

Int32 = npt.NDArray[np.int32]
UInt32 = npt.NDArray[np.uint32]

CANDIDATES = 2048
"""Candidates that stand for all. Twice as many cost four times as much and gain little; half lose some."""
COVERED = 2048
"""Labelled nodes that stand for all of them; a suggestion is hardly ever nearest to the others alone."""
NEIGHBOURS = 10
"""Nodes that each is joined to."""


@dataclass(frozen=True, eq=False)
class Thinned:
    """Nodes drawn from a large graph, joined anew to those nearest among them.

    A walk of 20 steps sees some hundred nodes. In a graph of 50,000 that is a corner of one class; here it
    is a share of the whole that does not depend on the size.

    Attributes:
        nodes: int32 (s,), the nodes of the large graph: candidates first, in the order drawn.
        open_count: how many of them are candidates; the others are labelled.
        indptr: uint32 (s + 1,), where the edges of each begin.
        indices: uint32 (edges,), the places of its neighbours: one of two is among the nearest of the other.
    """

    nodes: Int32
    open_count: int
    indptr: UInt32
    indices: UInt32


def join(nodes: Int32, open_count: int, lists: Int32) -> Thinned:
    """Join each node and those in its list, int32 (s, k) places, in both directions; O(s k)."""
    return Thinned(nodes, open_count, *_symmetric(lists.view(np.uint32)))


@compiled
def _symmetric(lists: UInt32) -> tuple[UInt32, UInt32]:
    """Return `indptr` and `indices`: who is in a node's list, then who else has it in theirs.

    Places that cannot be negative are looked up at half the cost.
    """
    count, k = lists.shape
    holdings = np.zeros(count + 1, np.uint32)
    for other in lists.ravel():
        holdings[other + 1] += 1
    ends = np.cumsum(holdings)[:count]
    holders = np.empty(count * k, np.uint32)
    for i in range(count):
        for other in lists[i]:
            holders[ends[other]] = i
            ends[other] += 1
    indptr = np.zeros(count + 1, np.uint32)
    indices = np.empty(2 * count * k, np.uint32)
    met = np.full(count, count, np.uint32)
    begin = size = 0
    for i in range(count):
        for other in lists[i]:
            met[other] = i
            indices[size] = other
            size += 1
        for holder in holders[begin : ends[i]]:
            if met[holder] != i:
                indices[size] = holder
                size += 1
        begin = ends[i]
        indptr[i + 1] = size
    return indptr, indices[:size]
