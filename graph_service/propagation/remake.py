"""One step of propagation at some rows only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from graph_service.propagation.gather import gatherer, inlined
from graph_service.propagation.lanes import SIZES, apart, load, store, total

__all__ = ["remake"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]


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


def remake(
    adjacency: tuple[Int64, Int32, Float32],
    rows: Int64,
    here: Float32,
    there: Float32,
    room: Float32,
    tolerance: float,
    faint: float,
) -> tuple[Float32, bool]:
    """Write some rows of weights · here to `there`. O(r · k · C), on one core.

    Args:
        adjacency: indptr, indices and weights.
        rows: int64 (r,), distinct.
        here: the state before, as `lane_rows` makes it.
        there: the state after, of the same shape.
        room: float32 (n,); set to `tolerance` times the sum of the row where one is made.
        tolerance: at least 0.
        faint: the least sum of a row that float32 is enough for.

    Returns:
        float32 (r,), the absolute changes of each row, summed; and whether no sum but 0 came below `faint`.
    """
    return _remake(*adjacency, rows, here, there, room, tolerance, faint)
