"""What is in doubt: the part of the samples that the default strategy covers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled

__all__ = ["doubtful"]

Bools = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

_PARTS = 4
"""The doubtful hold one part in so many of all doubt."""
_LEVELS = 2**14
"""Doubt is told apart in steps of one in so many."""


def doubtful(doubt: Float32, closed: Bools, order: Int32, least: int, most: int) -> Int32:
    """Return the most doubtful open nodes: the fewest that hold a quarter of all their doubt together.

    A node's doubt is 1 minus the lead of its first class over its second, 1 where unreached. As labels come
    in, doubt withdraws to the borders between the classes, and this part with it. O(n) in the order of the
    nodes, and as much of `order` as it takes to meet those that are returned.

    Args:
        doubt: float32 (n,), 0 to 1.
        closed: bool (n,), nodes that do not count.
        order: int32 (n,), an order of the nodes; of equally doubtful ones the first count.
        least: nodes to return at least, at most those that are open.
        most: nodes to return at most, at least `least`: then the first of the doubtful.

    Returns:
        int32, in that order.
    """
    counts = _levels(doubt, closed)
    held = np.cumsum(counts * np.arange(_LEVELS, -1, -1))
    part = -(-int(held[-1]) // _PARTS)
    # The level with which the part is reached, and how many of it are needed.
    last = int(np.searchsorted(held, part))
    worth = _LEVELS - last
    needed = counts[last] - (int(held[last]) - part) // worth if worth else 0
    enough = max(int(counts[:last].sum() + needed), least)
    reached = np.cumsum(counts)
    last = int(np.searchsorted(reached, enough))
    of_lowest = enough - int(reached[last] - counts[last])
    return _first_above(doubt, closed, order, _LEVELS - last, of_lowest, min(most, enough))


@compiled
def _level(doubt: float) -> int:
    return int(doubt * np.float32(_LEVELS) + np.float32(0.5))


@compiled
def _levels(doubt: Float32, closed: Bools) -> Ints:
    """Return how many open nodes each level of doubt has, the highest level first."""
    counts = np.zeros(_LEVELS + 1, np.int64)
    for node in range(len(doubt)):
        if not closed[node]:
            counts[_LEVELS - _level(doubt[node])] += 1
    return counts


@compiled
def _first_above(
    doubt: Float32, closed: Bools, order: Int32, lowest: int, of_lowest: int, count: int
) -> Int32:
    """Return the first `count` open nodes above the lowest level, or among the first so many at it."""
    found = np.empty(count, np.int32)
    met = 0
    for node in order:
        if met == count:
            break
        level = _level(doubt[node])
        if closed[node] or level < lowest or (level == lowest and of_lowest == 0):
            continue
        if level == lowest:
            of_lowest -= 1
        found[met] = node
        met += 1
    return found[:met]
