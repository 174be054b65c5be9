"""Drawing at random so that the next revision draws almost the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled

__all__ = ["first", "random_order"]

Bools = npt.NDArray[np.bool_]
Int32 = npt.NDArray[np.int32]
UInt64 = npt.NDArray[np.uint64]


def random_order(keys: UInt64, seed: int) -> Int32:
    """Return the nodes in an order of this seed's, int32 (n,); O(n log n).

    Their keys, mixed with the seed by the finaliser of SplitMix64 (Steele, Lea, Flood 2014), are sorted. A
    node that is added takes a random place among the others, whose order stays.

    Args:
        keys: uint64 (n,), random bits that belong to each node and outlast a restart.
        seed: 0 to 2⁶⁴ - 1.
    """
    return np.argsort(_mixed(keys ^ _mixed(np.array([seed], np.uint64))), kind="stable").astype(np.int32)


def _mixed(keys: UInt64) -> UInt64:
    mixed = keys + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


@compiled
def first(order: Int32, mask: Bools, wanted: bool, most: int) -> Int32:
    """Return the first `most` nodes of an order whose `mask` is as wanted, looking no further than needed."""
    found = np.empty(min(most, len(order)), np.int32)
    count = 0
    for node in order:
        if count == len(found):
            break
        if mask[node] == wanted:
            found[count] = node
            count += 1
    return found[:count]
