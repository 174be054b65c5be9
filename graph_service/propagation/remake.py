"""Propagation at some rows only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from graph_service.propagation.backwards import Reverse, push
from graph_service.propagation.gather import gatherer, inlined
from graph_service.propagation.lanes import SIZES, apart, lane_rows, load, store, total

__all__ = ["compile_kernels", "follow"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


def _maker(size: int) -> Callable[..., Any]:
    """Return a function that makes `size` columns of one row, and returns their sum and how they changed."""
    gather = gatherer(size)

    def make(
        indptr: Int64, indices: Int32, weights: Float32, node: int, here: Float32, there: Float32, column: int
    ) -> Any:
        row = gather(indptr, indices, weights, node, here, column)
        change = apart(row, load(there, node, column, size))
        store(there, node, column, row)
        return total(row), change

    return inlined(make, size)


_make_64, _make_32, _make_16 = (_maker(size) for size in SIZES[1:])


@njit(cache=True, nogil=True, error_model="numpy")
def _remake(
    indptr: Int64, indices: Int32, weights: Float32, rows: Int64, here: Float32, there: Float32,
    room: Float32, tolerance: float, faint: float,
) -> tuple[Float32, bool]:  # fmt: skip
    """Write rows of weights · here to `there`; return how each has changed, and whether none is faint."""
    changes = np.zeros(len(rows), np.float32)
    sufficed = True
    for r in range(len(rows)):
        node, column, mass = rows[r], 0, np.float32(0)
        while column + 64 <= here.shape[1]:
            more, change = _make_64(indptr, indices, weights, node, here, there, column)
            mass, changes[r], column = mass + more, changes[r] + change, column + 64
        if column + 32 <= here.shape[1]:
            more, change = _make_32(indptr, indices, weights, node, here, there, column)
            mass, changes[r], column = mass + more, changes[r] + change, column + 32
        if column + 16 <= here.shape[1]:
            more, change = _make_16(indptr, indices, weights, node, here, there, column)
            mass, changes[r] = mass + more, changes[r] + change
        room[node] = tolerance * mass
        sufficed &= not 0.0 < mass < faint
    return changes, sufficed


@njit(cache=True, nogil=True, error_model="numpy")
def follow(
    adjacency: tuple[Int64, Int32, Float32],
    reverse: Reverse,
    states: Float32,
    room: Float32,
    changed: Int64,
    moved: Float32,
    clamped: Bools,
    most: int,
    tolerance: float,
    faint: float,
) -> tuple[Int64, int, int]:
    """Make the rows anew that a change of some rows concerns, in one state after another, on one core.

    O(r · k · C) for r rows made in all, O(nodes that list them) besides.

    Args:
        adjacency: indptr, indices and weights.
        reverse: as `backwards` makes it.
        states: (t + 1, n, width), rows as `lane_rows` makes them.
        room: (t, n), as `push` takes it; below 0 for those of the nodes that are not clamped. It is set to
            `tolerance` times the sum of the row where one is made.
        changed: int64 (m,), the nodes whose row of the first state has changed.
        moved: float32 (t + 1, m), by how much, and by how much those of the others that are clamped have.
        clamped: bool (m,), which of the nodes keep their row.
        most: rows to make in a step at most.
        tolerance: at least 0.
        faint: the least sum of a row, besides 0, that float32 is enough for.

    Returns:
        The nodes whose row of the last state was written; how many steps were taken, which is less than t
        where one would make more than `most` rows, and -1 where a sum came below `faint`; and the rows made.
    """
    indptr, indices, weights = adjacency
    starts, listed_by, shares = reverse
    fixed, free = changed[clamped], changed[~clamped]
    nodes, changes, count = changed, moved[0], 0
    for step in range(len(room)):
        rows, found = push(starts, listed_by, shares, nodes, changes, room[step], most)
        if not found:
            return nodes, step, count
        rows = np.concatenate((rows, free))
        made, sufficed = _remake(
            indptr, indices, weights, rows, states[step], states[step + 1], room[step], tolerance, faint
        )
        if not sufficed:
            return nodes, -1, count
        count += len(rows)
        # Those clamped change in every state, the others in the first; from there on they are made anew.
        nodes = np.concatenate((rows, fixed))
        changes = np.concatenate((made, moved[step + 1][clamped]))
    return nodes, len(room), count


def compile_kernels() -> None:
    """Compile them, or load them from the cache."""
    adj = np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32)
    states, node = lane_rows(2, 1).reshape(2, 1, -1), np.zeros(1, np.int64)
    room, moved = np.full((1, 1), -1, np.float32), np.zeros((2, 1), np.float32)
    follow(adj, adj, states, room, node, moved, node > 0, 1, 0.0, 0.0)
