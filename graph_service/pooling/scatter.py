"""Rows added to rows, many to one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["add_rows_at"]


@njit(nogil=True, cache=True, error_model="numpy")
def add_rows_at(
    out: npt.NDArray[np.floating],
    places: npt.NDArray[np.int64],
    rows: npt.NDArray[np.float32],
    chosen: npt.NDArray[np.int64],
) -> None:
    """Add `rows[chosen[i]]` to the first columns of `out[places[i]]`, one i after another.

    As `np.add.at(out, places, rows[chosen])`, a tenth of the time and without the array of all these rows.
    O(m C).
    """
    for i in range(len(places)):
        place, row = places[i], chosen[i]
        for c in range(rows.shape[1]):
            out[place, c] += rows[row, c]
