"""The steps of the pool, one pass over the rows each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.kernel import multiply
from graph_service.propagation.lane_functions import exp_of, greatest, log_of
from graph_service.propagation.lanes import add_scaled, load, store, total, zeros
from graph_service.propagation.parallel import parallel

__all__ = ["balanced", "steps_pool"]

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Ints = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]


@parallel
def steps_pool(
    indptr: Int64,
    indices: Int32,
    weights: Float32,
    own: Float32,
    clamped: Bools,
    steps: int,
    share: float,
    floor: float,
    here: Float32,
    there: Float32,
) -> Float32:
    """Take steps B_i ∝ exp(own_i + share · Σ_j P_ij log(B_j + floor)) from B ∝ exp(own); return the last B.

    Between steps a row holds log(B + floor), taken once for all that hear it.

    Args:
        indptr: P in compressed rows.
        indices: of P.
        weights: of P.
        own: (n, width), as `lane_rows` makes them; far below all else in the columns beyond the classes.
        clamped: (n,), rows that are left as they are.
        steps: at least 1.
        share: of the neighbours.
        floor: above 0.
        here: as `own`: log(B + floor) in the clamped rows, zeros in the others; overwritten.
        there: as `here`.
    """
    weight, least, unsummed = np.float32(share), np.float32(floor), np.empty(0, np.float32)
    for i in prange(len(own)):
        if not clamped[i]:
            _believe(own, here, i, weight, least, True)
    for step in range(steps):
        multiply(indptr, indices, weights, clamped, here, there, unsummed, 1.0, 0.0)
        for i in prange(len(own)):
            if not clamped[i]:
                _believe(own, there, i, weight, least, step < steps - 1)
        here, there = there, here
    return here


@njit(inline="always", error_model="numpy")
def _believe(
    own: Float32, rows: Float32, node: int, share: np.float32, floor: np.float32, logarithm: bool
) -> None:
    """Make of what a node hears its belief B, or log(B + floor)."""
    top, width = np.float32(-np.inf), own.shape[1]
    for column in range(0, width, 16):
        logits = add_scaled(load(own, node, column, 16), share, load(rows, node, column, 16))
        store(rows, node, column, logits)
        top = max(top, greatest(logits))
    powers = np.float32(0)
    for column in range(0, width, 16):
        power = exp_of(load(rows, node, column, 16), top)
        store(rows, node, column, power)
        powers += total(power)
    scale = np.float32(1) / powers
    for column in range(0, width, 16):
        belief = add_scaled(zeros(16), scale, load(rows, node, column, 16))
        store(rows, node, column, log_of(belief, floor) if logarithm else belief)


@parallel
def balanced(scores: Float32, nodes: Ints, factors: Float32, otherwise: Float32, out: Float32) -> None:
    """Write the scores of some nodes, times the factors of the classes and over their sum, to `out`.

    Args:
        scores: (n, C), not negative.
        nodes: (m,).
        factors: (C,).
        otherwise: (C,), the row of nodes without a score.
        out: (m, C), overwritten.
    """
    for i in prange(len(nodes)):
        node, powers = nodes[i], np.float32(0)
        for c in range(len(factors)):
            out[i, c] = scores[node, c] * factors[c]
            powers += out[i, c]
        if powers > 0:
            scale = np.float32(1) / powers
            for c in range(len(factors)):
                out[i, c] *= scale
        else:
            for c in range(len(factors)):
                out[i, c] = otherwise[c]
