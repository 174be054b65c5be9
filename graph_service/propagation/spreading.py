"""Label spreading: Zhou et al., "Learning with local and global consistency" (2004)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.chebyshev import relaxation, semi_iterate
from graph_service.propagation.lanes import aligned, lane_rows

__all__ = ["ALPHA", "spread"]

Float32 = npt.NDArray[np.float32]

ALPHA = 0.9
"""Share of a row that comes from its neighbours. At 0.9 few labels reach far and many wrong ones are
averaged out; both get worse at 0.5, and dense labels at 0.99."""

_PRODUCTS = 14
"""The least that loses nothing, by any measure tried, against the first thirty terms of the series."""

_CLASSES = 128
"""Classes that are solved for together, as they need not know of each other: bounds the temporary memory."""


def spread(adj: Adjacency, seeds: Float32, labelled: npt.NDArray[np.integer]) -> Float32:
    """Return F = Σ_{t ≥ 1} (α S)^t Y with S = D^-1/2 W D^-1/2, each row up to a factor of its own.

    t = 0 is left out: a label says nothing of its own node but by way of its neighbours. Nothing is clamped,
    so labels of any trust and number are treated alike, and F is linear in Y but for what is cut off at 0.

    The series is the solution of (I - α S) F = α S Y, found by 14 products (`chebyshev`): a column's
    error has a 2-norm of at most 2 ρ^14 / (1 + ρ^28) = 0.3% of F's, ρ = α / (1 + √(1 - α²)), where 14 terms
    of the series lack up to 23%. F is not negative; what errs below 0 is cut off. O(14 nnz C), on all cores.

    Args:
        adj: the symmetrised graph, of n rows.
        seeds: float32 (m, C), the rows of Y that are not zero.
        labelled: (m,), the nodes they belong to, distinct.

    Returns:
        float32 (n, C); not negative; rows of zeros where no label comes in 14 steps.
    """
    log_degrees = adj.log_degrees[labelled]
    # S^t Y is P^t (D^-1/2 Y) but for factors of rows. A common factor keeps the exponents small.
    finite = np.isfinite(log_degrees)
    top = log_degrees[finite].min(initial=np.inf) if finite.any() else 0.0
    factors = np.where(finite, np.exp((top - np.where(finite, log_degrees, top)) / 2), 0)
    found = aligned(len(adj), seeds.shape[1])
    for start in range(0, seeds.shape[1], _CLASSES):
        columns = slice(start, start + _CLASSES)
        stating = seeds[:, columns].any(axis=1)
        sources = seeds[stating, columns] * factors[stating, np.newaxis]
        rows = _solve(adj, sources.astype(np.float32), labelled[stating])
        np.maximum(rows[:, : sources.shape[1]], 0, out=found[:, columns])
    return found


def _solve(adj: Adjacency, sources: Float32, nodes: npt.NDArray[np.integer]) -> Float32:
    """Return (I - α P)⁻¹ α P Y of the nodes' rows of Y, as `lane_rows` makes them."""
    here, there = lane_rows(len(adj), sources.shape[1]), lane_rows(len(adj), sources.shape[1])
    padded = lane_rows(*sources.shape)
    padded[:, : sources.shape[1]] = sources
    return semi_iterate(
        adj.indptr,
        adj.indices,
        adj.weights,
        np.ascontiguousarray(nodes, np.int64),
        padded,
        ALPHA,
        relaxation(ALPHA, _PRODUCTS),
        here,
        there,
    )
