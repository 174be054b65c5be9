"""The steps of propagation: Z ← P Z, every row held as a belief and a mass."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.lanes import LANES, add_scaled, load, store, zeros
from graph_service.propagation.parallel import parallel

__all__ = ["UNREACHED", "spread"]

UNREACHED = -(2**30)
"""Exponent of a row that no label has reached; its mass is 0."""

_CHUNK = 256
"""Rows that one thread takes at a time."""

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


@parallel
def spread(
    indptr: npt.NDArray[np.int64],
    indices: Int32,
    weights: Float64,
    clamped: npt.NDArray[np.bool_],
    steps: int,
    wide: bool,
    belief: Float32,
    mass: Float64,
    exponent: Int32,
    next_belief: Float32,
    next_mass: Float64,
    next_exponent: Int32,
) -> tuple[Float32, Float64]:
    """Take `steps` steps and return the last beliefs and masses; O(steps · nnz · C).

    Row i of Z is mass_i · belief_i, where beliefs sum to 1. A step is then

        mass_i' = Σ_j P_ij mass_j      belief_i' = Σ_j (P_ij mass_j / mass_i') belief_j

    The masses take up the range of D^-1/2 (e^±100 at T = 0.01) in float64, while every belief is an
    average of beliefs: float32 holds it with a relative error of about 1e-7 a step, at any
    temperature. With `wide` the masses are mass · 2^exponent, which no number of steps can underflow.

    Both sets of arrays are overwritten, and must hold the same rows where `clamped`. `belief` is as
    `lane_rows` makes it. The belief of a row whose mass is 0 means nothing, unless it is clamped.
    """
    n = len(clamped)
    longest = 0
    for i in range(n):
        longest = max(longest, indptr[i + 1] - indptr[i])
    for _ in range(steps):
        for chunk in prange((n + _CHUNK - 1) // _CHUNK):
            shares = np.empty(longest)
            for i in range(chunk * _CHUNK, min(n, (chunk + 1) * _CHUNK)):
                if clamped[i]:
                    continue
                row, row_weights = indices[indptr[i] : indptr[i + 1]], weights[indptr[i] : indptr[i + 1]]
                top = _top(row, exponent) if wide else 0
                total = 0.0
                for p in range(len(row)):
                    shares[p] = row_weights[p] * mass[row[p]]
                    if wide:
                        shares[p] = math.ldexp(shares[p], exponent[row[p]] - top)
                    total += shares[p]
                if total > 0.0:
                    _average(belief, row, shares, 1.0 / total, next_belief, i)
                if wide:
                    total, shift = math.frexp(total)
                    next_exponent[i] = top + shift if total > 0.0 else UNREACHED
                next_mass[i] = total
        belief, next_belief = next_belief, belief
        mass, next_mass = next_mass, mass
        exponent, next_exponent = next_exponent, exponent
    return belief, mass


@njit(cache=True)  # type: ignore[untyped-decorator]
def _top(row: Int32, exponent: Int32) -> int:
    """Return the greatest exponent among a row's neighbours."""
    top = UNREACHED
    for j in row:
        top = max(top, exponent[j])
    return top


@njit(cache=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _average(belief: Float32, row: Int32, shares: Float64, factor: float, out: Float32, i: int) -> None:
    """Write Σ_p shares_p factor · belief_row[p] to row i of `out`; up to 64 classes a pass over the row."""
    width = belief.shape[1]
    column = 0
    while column + 4 * LANES <= width:
        a, b, c, d = zeros(), zeros(), zeros(), zeros()
        for p in range(len(row)):
            j, share = np.intp(row[p]), np.float32(shares[p] * factor)
            a = add_scaled(a, share, load(belief, j, column))
            b = add_scaled(b, share, load(belief, j, column + LANES))
            c = add_scaled(c, share, load(belief, j, column + 2 * LANES))
            d = add_scaled(d, share, load(belief, j, column + 3 * LANES))
        store(out, i, column, a)
        store(out, i, column + LANES, b)
        store(out, i, column + 2 * LANES, c)
        store(out, i, column + 3 * LANES, d)
        column += 4 * LANES
    while column < width:
        a = zeros()
        for p in range(len(row)):
            a = add_scaled(a, np.float32(shares[p] * factor), load(belief, np.intp(row[p]), column))
        store(out, i, column, a)
        column += LANES
