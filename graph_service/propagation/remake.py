"""One step of propagation at some rows only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.gather import gatherer
from graph_service.propagation.lanes import SIZES, apart, lane_rows, load, store, total
from graph_service.propagation.parallel import parallel

__all__ = ["compile_kernels", "remake"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Kernel = Callable[..., None]

_ALONE = 10_000
"""Rows fewer than these are done sooner by one core than others wake up."""


def _remaker(size: int, name: str, compiled: Callable[[Kernel], Kernel]) -> Kernel:
    """Return the kernel that makes `size` columns of rows, and adds to the rows' sums and changes."""
    gather = gatherer(size)

    def remake_columns(
        indptr: Int64, indices: Int32, weights: Float32, rows: Int64, here: Float32, there: Float32,
        column: int, masses: Float32, changes: Float32,
    ) -> None:  # fmt: skip
        for r in prange(len(rows)):
            row = gather(indptr, indices, weights, rows[r], here, column)
            changes[r] += apart(row, load(there, rows[r], column, size))
            masses[r] += total(row)
            store(there, rows[r], column, row)

    # The cache, and the linking of what comes from it, go by name: see `kernel`.
    remake_columns.__qualname__ = f"remake_{size}_{name}"
    return compiled(remake_columns)


_SIZES = SIZES[1:]
"""Of vectors; of more classes only the heaviest are kept."""

_by_one = {
    size: _remaker(size, "by_one", njit(cache=True, nogil=True, error_model="numpy")) for size in _SIZES
}
_by_all = {size: _remaker(size, "by_all", parallel) for size in _SIZES}


@njit(cache=True, nogil=True)
def _settle(rows: Int64, masses: Float32, room: Float32, tolerance: float, faint: float) -> bool:
    """Give rows new room; return whether no mass but 0 is below `faint`."""
    fainter = 0
    for r in range(len(rows)):
        room[rows[r]] = tolerance * masses[r]
        fainter += 0.0 < masses[r] < faint
    return fainter == 0


def remake(
    adjacency: tuple[Int64, Int32, Float32],
    rows: Int64,
    here: Float32,
    there: Float32,
    room: Float32,
    tolerance: float,
    faint: float,
) -> tuple[Float32, bool]:
    """Write some rows of weights · here to `there`. O(r · k · C), on all cores if there are many.

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
    masses, changes = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    kernels = _by_one if len(rows) < _ALONE else _by_all
    column = 0
    for size in _SIZES:
        while column + size <= here.shape[1]:
            kernels[size](*adjacency, rows, here, there, column, masses, changes)
            column += size
    return changes, _settle(rows, masses, room, tolerance, faint)


def compile_kernels() -> None:
    """Compile them, or load them from the cache."""
    here, there = lane_rows(1, _SIZES[0]), lane_rows(1, _SIZES[0])
    starts, entries, weights = np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.float32)
    sums = np.zeros(1, np.float32)
    for kernels in (_by_one, _by_all):
        for kernel in kernels.values():
            kernel(starts, entries, weights, starts[:1], here, there, 0, sums, sums.copy())
