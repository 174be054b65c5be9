"""The steps of propagation, Z ← P Z: the fast way, and the way that nothing underflows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.gather import gatherer
from graph_service.propagation.lanes import SIZES, reaches, store, total
from graph_service.propagation.parallel import parallel, parallel_within

__all__ = ["UNREACHED", "multiply", "steps_wide", "sweep"]

UNREACHED = -(2**30)
"""Exponent of a row that no label has reached; its mass is 0."""

_LOW = 2.0**-100
"""Least mass. Times the lightest edge, 2⁻⁸⁰⁰, it is far above float64's least."""

_SHIFTS = 1024
"""Differences of exponents that matter: a share less by 2⁻¹⁰²³ vanishes beside 2⁻⁹⁰⁰."""

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@parallel_within
def sweep(
    indptr: Int64,
    indices: Int32,
    weights: Float32,
    clamped: Bools,
    states: Float32,
    room: Float32,
    first: int,
    stop: int,
    tolerance: float,
    faint: float,
    updated: bool,
) -> bool:
    """Take the steps from number `first` to before `stop` in float32, all rows but the clamped.

    Args:
        indptr: P in compressed rows.
        indices: of P.
        weights: of P.
        clamped: bool (n,), rows that are left alone, in `room` too.
        states: (kept, n, width), rows as `lane_rows` makes them; step s goes from state s to s + 1, counted
            round `kept`.
        room: (kept - 1, n); gets the sums of the rows that step s makes times `tolerance`, s counted round.
        first: step to begin with.
        stop: one more than the last.
        tolerance: at least 0.
        faint: least sum, besides 0, of a row that float32 is enough for.
        updated: whether what `room` gets is wanted; else it is room to work in.

    Returns:
        Whether it was enough; if not, what was made is worth nothing.
    """
    summed = updated or states.shape[2] not in SIZES
    for step in range(first, stop):
        here, there = states[step % len(states)], states[(step + 1) % len(states)]
        sums = room[step % len(room)][: states.shape[1] if summed else 0]
        if multiply(indptr, indices, weights, clamped, here, there, sums, tolerance, faint) > 0:
            return False
    return True


@parallel
def steps_wide(
    indptr: Int64,
    indices: Int32,
    weights: Float64,
    clamped: Bools,
    steps: int,
    here: Float32,
    mass: Float64,
    exponent: Int32,
    there: Float32,
    next_mass: Float64,
    next_exponent: Int32,
) -> Float32:
    """Take steps with row i of Z held as mass_i · 2^exponent_i · belief_i; return the beliefs.

    Beliefs sum to 1, so that a step is

        mass_i' = Σ_j P_ij mass_j      belief_i' = Σ_j (P_ij mass_j / mass_i') belief_j

    and every belief an average of beliefs, which float32 holds whatever the masses. A mass that sinks
    below `_LOW` has its exponent drawn out, so that it cannot underflow; as this is rare, the exponents in a
    row are mostly equal. Arrays are overwritten; where clamped, those before and after hold the same rows.
    """
    shares = np.empty(len(weights))
    rounded = np.empty(len(weights), np.float32)
    unsummed = np.empty(0, np.float32)
    halves = np.power(0.5, np.arange(_SHIFTS).astype(np.float64))
    for _ in range(steps):
        for i in prange(len(clamped)):
            if not clamped[i]:
                row = slice(indptr[i], indptr[i + 1])
                arriving, top = _arrivals(indices[row], weights[row], mass, exponent, halves, shares[row])
                if 0.0 < arriving < _LOW:
                    arriving, shift = math.frexp(arriving)
                    top += shift
                next_mass[i], next_exponent[i] = arriving, top
                rounded[row] = shares[row]
        multiply(indptr, indices, rounded, clamped, here, there, unsummed, 1.0, 0.0)
        here, there = there, here
        mass, next_mass = next_mass, mass
        exponent, next_exponent = next_exponent, exponent
    return here


@njit(forceinline=True, error_model="numpy")
def _arrivals(
    row: Int32, weights: Float64, mass: Float64, exponent: Int32, halves: Float64, shares: Float64
) -> tuple[float, int]:
    """Return what arrives at a row, as mass and exponent, and write each neighbour's share to `shares`."""
    top, bottom = UNREACHED, -UNREACHED
    arriving = 0.0
    for p in range(len(row)):
        j = row[p]
        top, bottom = max(top, exponent[j]), min(bottom, exponent[j])
        shares[p] = weights[p] * mass[j]
        arriving += shares[p]
    if bottom < top:
        arriving = 0.0
        for p in range(len(row)):
            shares[p] *= halves[min(top - exponent[row[p]], _SHIFTS - 1)]
            arriving += shares[p]
    factor = 1.0 / arriving if arriving > 0.0 else 0.0
    for p in range(len(row)):
        shares[p] *= factor
    return arriving, top


def _multiplier(size: int) -> Callable[..., int]:
    """Return the kernel that does for `size` columns what `multiply` does for all."""
    gather = gatherer(size)

    def multiply(
        indptr: Int64, indices: Int32, weights: Float32, clamped: Bools, here: Float32, there: Float32,
        column: int, sums: Float32, scale: float, faint: float,
    ) -> int:  # fmt: skip
        fainter, summed = 0, len(sums) > 0
        factor = np.float32(scale if column + size == here.shape[1] else 1)
        for i in prange(len(clamped)):
            if not clamped[i]:
                row = gather(indptr, indices, weights, i, here, column)
                store(there, i, column, row)
                # A sum takes as long as two neighbours: it is not needed where one number alone is enough.
                if summed or (faint > 0.0 and not reaches(row, faint)):
                    reached = total(row)
                    if column > 0:
                        reached += sums[i]
                    if summed:
                        sums[i] = reached * factor
                    if 0.0 < reached < faint:
                        fainter += 1
        return fainter

    # Compiled kernels are linked by name when they come from the cache: kernels cached by two processes
    # would else call each other's function of another size, which writes past the end of rows.
    multiply.__qualname__ = f"multiply_{size}"
    compiled: Callable[..., int] = njit(parallel=True, error_model="numpy")(multiply)
    return compiled


_multiply_128, _multiply_64, _multiply_32, _multiply_16 = (_multiplier(size) for size in SIZES)


@njit(error_model="numpy")
def multiply(
    indptr: Int64, indices: Int32, weights: Float32, clamped: Bools, here: Float32, there: Float32,
    sums: Float32, scale: float, faint: float,
) -> int:  # fmt: skip
    """Write weights · here to the rows of `there` that are not clamped, and to `sums` what these sum to.

    Args:
        indptr: weights in compressed rows.
        indices: of them.
        weights: of them.
        clamped: (n,).
        here: (n, width), not negative where `faint` is not 0.
        there: (n, width).
        sums: (n,), gets the sums times `scale`; or (0,), where nobody needs them: `width` is then one of
            `SIZES`, or `faint` is 0.
        scale: at least 0.
        faint: at least 0.

    Returns:
        How many sums are below `faint` but not 0.
    """
    width, column, fainter = here.shape[1], 0, 0
    while column + 128 <= width:
        fainter = _multiply_128(indptr, indices, weights, clamped, here, there, column, sums, scale, faint)
        column += 128
    if column + 64 <= width:
        fainter = _multiply_64(indptr, indices, weights, clamped, here, there, column, sums, scale, faint)
        column += 64
    if column + 32 <= width:
        fainter = _multiply_32(indptr, indices, weights, clamped, here, there, column, sums, scale, faint)
        column += 32
    if column + 16 <= width:
        fainter = _multiply_16(indptr, indices, weights, clamped, here, there, column, sums, scale, faint)
    return fainter
