"""An order of the nodes in which neighbours lie together in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.parallel import parallel

__all__ = ["breadth_first", "renumbered"]

Int32 = npt.NDArray[np.int32]


@njit(nogil=True, cache=True)
def breadth_first(neighbours: Int32, present: npt.NDArray[np.bool_]) -> Int32:
    """Return the present rows in the order in which a walk along the lists first meets them.

    A step of propagation reads the rows of a node's neighbours, and costs a cache miss for each that lies far
    away. Breadth first along the directed lists serves as well as reverse Cuthill-McKee and takes 0.1 s
    for a million lists of 15 in place of 3 s.

    Args:
        neighbours: int32 (m, k), present rows, padded with -1.
        present: bool (m,), at least one True where m is not 0.

    Returns:
        int32 (n,), each present row once; O(m k).
    """
    seen = ~present
    order = np.empty(np.count_nonzero(present), np.int32)
    met = done = 0
    for start in range(len(neighbours)):
        if seen[start]:
            continue
        seen[start] = True
        order[met] = start
        met += 1
        while done < met:
            row = neighbours[order[done]]
            done += 1
            for j in row:
                if j >= 0 and not seen[j]:
                    seen[j] = True
                    order[met] = j
                    met += 1
    return order


@parallel
def renumbered(neighbours: Int32, order: Int32, number: Int32) -> Int32:
    """Return int32 (n, k): the lists of the rows in `order`, whose entries j have become `number[j]`."""
    lists = np.empty((len(order), neighbours.shape[1]), np.int32)
    for i in prange(len(order)):
        for c in range(neighbours.shape[1]):
            j = neighbours[order[i], c]
            lists[i, c] = number[j] if j >= 0 else -1
    return lists
