"""What is in doubt: the part of the samples that the default strategy covers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled

__all__ = ["doubtful"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

_PARTS = 4
"""The doubtful hold one part in so many of all doubt."""
_LEVELS = 2**14
"""Doubt is told apart in steps of one in so many."""


def doubtful(doubt: Float32, nodes: Int32, least: int, most: int) -> Int32:
    """Return the most doubtful of these nodes: the fewest that hold a quarter of all their doubt together.

    A node's doubt is 1 minus the lead of its first class over its second, 1 where unreached. As labels come
    in, doubt withdraws to the borders between the classes, and this part with it. O(m) for m nodes.

    Args:
        doubt: float32 (m,), that of each, 0 to 1.
        nodes: int32 (m,); of equally doubtful ones the first count.
        least: nodes to return at least, at most m.
        most: nodes to return at most, at least `least`: then the first of the doubtful.

    Returns:
        int32, in the order given.
    """
    levels, counts = _levels(doubt)
    held = np.cumsum(counts * np.arange(_LEVELS, -1, -1))
    part = -(-int(held[-1]) // _PARTS)
    # The level with which the part is reached, and how many of it are needed.
    last = int(np.searchsorted(held, part))
    worth = _LEVELS - last
    needed = counts[last] - (int(held[last]) - part) // worth if worth else 0
    enough = max(int(counts[:last].sum() + needed), least)
    reached = np.cumsum(counts)
    last = int(np.searchsorted(reached, enough))
    return nodes[_highest(levels, _LEVELS - last, enough - int(reached[last] - counts[last]), most)]


@compiled
def _levels(doubt: Float32) -> tuple[Int32, Ints]:
    """Return the level of each doubt, and how many each level has, the highest first."""
    levels = np.empty(len(doubt), np.int32)
    counts = np.zeros(_LEVELS + 1, np.int64)
    for place in range(len(doubt)):
        level = int(doubt[place] * np.float32(_LEVELS) + np.float32(0.5))
        levels[place] = level
        counts[_LEVELS - level] += 1
    return levels, counts


@compiled
def _highest(levels: Int32, lowest: int, of_lowest: int, most: int) -> Ints:
    """Return the first `most` places above the lowest level, or among the first so many at it."""
    found = np.empty(min(most, len(levels)), np.int64)
    count = 0
    for place in range(len(levels)):
        if count == len(found):
            break
        if levels[place] < lowest or (levels[place] == lowest and of_lowest == 0):
            continue
        if levels[place] == lowest:
            of_lowest -= 1
        found[count] = place
        count += 1
    return found[:count]
