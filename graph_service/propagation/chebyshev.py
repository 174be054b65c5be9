"""The solver of label spreading: Chebyshev's semi-iteration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.gather import gatherer
from graph_service.propagation.lanes import SIZES, add_scaled, load, store, zeros
from graph_service.propagation.parallel import parallel

__all__ = ["relaxation", "semi_iterate"]

Floats = npt.NDArray[np.floating]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]


def relaxation(alpha: float, products: int) -> Float64:
    """Return the factors ω, float64, of so many steps towards Z = (I - αP)⁻¹ αP Y, P like a symmetric matrix.

    They are 1, then 2 / (2 - α²), then 1 / (1 - α² ω / 4) of the one before (Golub & Varga, 1961). Of all
    that so many products can do, the error is the least where no more of the spectrum of αP is known than
    that it lies in [-α, α]. Unlike conjugate gradients this needs no inner products, and is linear in Y.
    """
    omegas = np.ones(products)
    for k in range(1, products):
        omegas[k] = 1 / (1 - alpha**2 * omegas[k - 1] / (2 if k == 1 else 4))
    return omegas


@parallel
def semi_iterate(
    indptr: Int64,
    indices: Int32,
    weights: Floats,
    sources: Int64,
    seeds: Float32,
    alpha: float,
    omegas: Float64,
    here: Float32,
    there: Float32,
) -> Float32:
    """Take a step Z(k+1) = ω (αP (Z(k) + Y) - Z(k-1)) + Z(k-1) for each ω, from Z(-1) = Z(0) = 0.

    Args:
        indptr: P in compressed rows.
        indices: of P.
        weights: of P.
        sources: (m,), the rows of Y that are not zero, distinct.
        seeds: (m, width), these rows.
        alpha: 0 to 1.
        omegas: float64, at least one (see `relaxation`).
        here: (n, width), zeros as `lane_rows` makes them; overwritten.
        there: as `here`.

    Returns:
        The last Z, which is one of `here` and `there`.
    """
    own = np.empty_like(seeds)
    for omega in omegas:
        # Y is there for the product only; then what it was added to is put back, as a difference would round.
        for s in prange(len(sources)):
            for c in range(here.shape[1]):
                own[s, c] = here[sources[s], c]
                here[sources[s], c] += seeds[s, c]
        new, old = np.float32(omega * alpha), np.float32(1.0 - omega)
        _blend(indptr, indices, weights, here, there, new, old)
        for s in prange(len(sources)):
            for c in range(here.shape[1]):
                here[sources[s], c] = own[s, c]
        here, there = there, here
    return here


def _blender(size: int) -> Callable[..., None]:
    """Return the kernel that makes `size` columns of `there` new · P · here + old · there."""
    gather = gatherer(size)

    def blend(
        indptr: Int64, indices: Int32, weights: Floats, here: Float32, there: Float32, column: int,
        new: np.float32, old: np.float32,
    ) -> None:  # fmt: skip
        for i in prange(len(here)):
            heard = gather(indptr, indices, weights, i, here, column)
            kept = add_scaled(zeros(size), old, load(there, i, column, size))
            store(there, i, column, add_scaled(kept, new, heard))

    # A name for each size, as cached kernels are linked by name.
    blend.__qualname__ = f"blend_{size}"
    compiled: Callable[..., None] = njit(parallel=True, error_model="numpy")(blend)
    return compiled


_blend_128, _blend_64, _blend_32, _blend_16 = (_blender(size) for size in SIZES)


@njit(error_model="numpy")
def _blend(
    indptr: Int64, indices: Int32, weights: Floats, here: Float32, there: Float32,
    new: np.float32, old: np.float32,
) -> None:  # fmt: skip
    width, column = here.shape[1], 0
    while column + 128 <= width:
        _blend_128(indptr, indices, weights, here, there, column, new, old)
        column += 128
    if column + 64 <= width:
        _blend_64(indptr, indices, weights, here, there, column, new, old)
        column += 64
    if column + 32 <= width:
        _blend_32(indptr, indices, weights, here, there, column, new, old)
        column += 32
    if column + 16 <= width:
        _blend_16(indptr, indices, weights, here, there, column, new, old)
