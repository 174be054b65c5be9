"""The neighbour graph read backwards: whom a change of one row concerns, and how much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["Reverse", "backwards", "compile_kernels", "push"]

Floats = npt.NDArray[np.floating]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Reverse = tuple[Int64, Int32, Float32]


@njit(cache=True, nogil=True)
def backwards(indptr: Int64, indices: Int32, weights: Float32) -> Reverse:
    """Return the transpose of compressed rows: of each node the rows that list it, and its weight in them.

    O(n + nnz).
    """
    n = len(indptr) - 1
    starts = np.zeros(n + 1, np.int64)
    for p in range(len(indices)):
        starts[indices[p] + 1] += 1
    for j in range(n):
        starts[j + 1] += starts[j]
    end = starts[:-1].copy()
    listed_by = np.empty(len(indices), np.int32)
    shares = np.empty(len(indices), np.float32)
    for i in range(n):
        for p in range(indptr[i], indptr[i + 1]):
            place = end[indices[p]]
            listed_by[place], shares[place] = i, weights[p]
            end[indices[p]] += 1
    return starts, listed_by, shares


@njit(cache=True, nogil=True)
def push(
    starts: Int64,
    listed_by: Int32,
    shares: Float32,
    nodes: Int64,
    changes: Floats,
    room: Floats,
    most: int,
) -> tuple[Int64, bool]:
    """Take what has changed at some nodes from the room of the rows that list them.

    Args:
        starts: as `backwards` returns it, like the next two.
        listed_by: the rows.
        shares: the weights.
        nodes: int64 (m,), the nodes.
        changes: (m,), of the type of `room`, the absolute changes of each one's row, summed.
        room: (n,), how much of what a row is made of may still change before it has to be made
            anew: lessened, to below 0 where there was too little.
        most: how many rows to return at most.

    Returns:
        The rows whose room fell below 0 just now, and whether they are all: the room of others that it
        would fall for may be untouched if not. O(rows that list the nodes), not O(n).
    """
    rows = np.empty(most, np.int64)
    count = 0
    for m in range(len(nodes)):
        change = changes[m]
        for p in range(starts[nodes[m]], starts[nodes[m] + 1]):
            i = np.uint64(listed_by[p])  # numba would look for negative ones
            before = room[i]
            after = before - shares[np.uint64(p)] * change
            room[i] = after
            if after < room.dtype.type(0) <= before:
                if count == most:
                    return rows, False
                rows[count] = i
                count += 1
    return rows[:count], True


def compile_kernels() -> None:
    """Compile them, or load them from the cache."""
    reverse = backwards(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32))
    for dtype in (np.float32, np.float64):
        push(*reverse, np.array([0]), np.zeros(1, dtype), np.zeros(1, dtype), 1)
