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
    """Return the present rows in the order in which a walk first meets them.

    A step of propagation reads the rows of a node's neighbours, and costs a cache miss for each that lies far
    away. The walk goes breadth first along the lists, and backwards from a node to those to which it is the
    nearest: one in ten is in nobody's list, and would else come last, far from all its neighbours.

    Args:
        neighbours: int32 (m, k), present rows by falling similarity, padded with -1.
        present: bool (m,), at least one True where m is not 0.

    Returns:
        int32 (n,), each present row once; O(m k).
    """
    first, following = _nearest_to(neighbours, present)
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
            node = order[done]
            done += 1
            j = first[node]
            while j >= 0:
                if not seen[j]:
                    seen[j] = True
                    order[met] = j
                    met += 1
                j = following[j]
            for j in neighbours[node]:
                if j >= 0 and not seen[j]:
                    seen[j] = True
                    order[met] = j
                    met += 1
    return order


@njit(nogil=True, cache=True)
def _nearest_to(neighbours: Int32, present: npt.NDArray[np.bool_]) -> tuple[Int32, Int32]:
    """Return to whom each node is the nearest, as chains: the first of each row, and who follows whom."""
    first, following = np.full((2, len(neighbours)), -1, np.int32)
    for i in range(len(neighbours) - 1, -1, -1):
        if present[i] and neighbours.shape[1] and neighbours[i, 0] >= 0:
            following[i] = first[neighbours[i, 0]]
            first[neighbours[i, 0]] = i
    return first, following


@parallel
def renumbered(neighbours: Int32, order: Int32, number: Int32) -> Int32:
    """Return int32 (n, k): the lists of the rows in `order`, whose entries j have become `number[j]`."""
    lists = np.empty((len(order), neighbours.shape[1]), np.int32)
    for i in prange(len(order)):
        for c in range(neighbours.shape[1]):
            j = neighbours[order[i], c]
            lists[i, c] = number[j] if j >= 0 else -1
    return lists
