"""Label propagation: eq. 3 of Bai et al., "Self-supervised Semi-supervised Learning for Data Labeling"."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.kernel import UNREACHED, spread
from graph_service.propagation.lanes import lane_rows

__all__ = ["propagate"]

Float64 = npt.NDArray[np.float64]

_SAFE = -600.0
"""Least logarithm of a mass that plain float64 is trusted with; it underflows at -708."""


def propagate(
    adj: Adjacency, seeds: npt.NDArray[np.floating], clamped: npt.NDArray[np.bool_], steps: int
) -> npt.NDArray[np.float32]:
    """Return the scores after `steps` steps of Ỹ(t+1) = 𝒲 Y(t), Y_l(t+1) = Y_l(0).

    Each row is that of Y(steps) up to a factor of its own, here such that it sums to about 1. A row is
    zero exactly when no walk from a label arrives at it with the last step, whatever the temperature:
    nothing underflows. Computed as Z ← P Z on Z = D^-1/2 Y; O(steps · nnz · C), on all cores.

    Args:
        adj: the graph, of n rows. A row without neighbours sends and receives nothing.
        seeds: (n, C), Y(0), not negative; a row of zeros holds no label.
        clamped: bool (n,), the paper's set l: rows that keep their seed, zeros too, at every step. Other
            seeds are only where propagation starts.
        steps: t, at least 1.

    Returns:
        float32 (n, C).
    """
    belief, log_mass = _start(adj, seeds)
    wide = _may_underflow(adj, log_mass, steps)
    mass, exponent = _split(log_mass, wide)
    other = lane_rows(*seeds.shape)
    other[clamped] = belief[clamped]
    belief, mass = spread(
        adj.indptr,
        adj.indices,
        adj.weights,
        clamped,
        steps,
        wide,
        belief,
        mass,
        exponent,
        other,
        mass.copy(),
        exponent.copy(),
    )
    scores: npt.NDArray[np.float32] = belief[:, : seeds.shape[1]].copy()
    scores[(mass == 0) & ~clamped] = 0
    return scores


def _start(adj: Adjacency, seeds: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.float32], Float64]:
    """Return the seeds as beliefs, and the logarithms of the masses that D^-1/2 Y(0) gives them."""
    sums = seeds.sum(axis=1, dtype=np.float64)
    rows = np.flatnonzero(sums)
    belief = lane_rows(*seeds.shape)
    belief[rows, : seeds.shape[1]] = seeds[rows] / sums[rows, np.newaxis]
    rows = rows[np.isfinite(adj.log_degrees[rows])]
    log_mass = np.full(len(seeds), -np.inf)
    log_mass[rows] = np.log(sums[rows]) - adj.log_degrees[rows] / 2
    if len(rows):
        log_mass -= log_mass[rows].max()  # a common factor cancels
    return belief, log_mass


def _may_underflow(adj: Adjacency, log_mass: Float64, steps: int) -> bool:
    """Say whether a walk along the lightest edges from the lightest seed could leave float64."""
    seeded = log_mass[np.isfinite(log_mass)]
    if not len(seeded) or not len(adj.weights):
        return False
    return bool(seeded.min() + steps * np.log(adj.weights.min()) < _SAFE)


def _split(log_mass: Float64, wide: bool) -> tuple[Float64, npt.NDArray[np.int32]]:
    """Return masses and exponents, mass · 2^exponent; the exponents are all 0 unless `wide`."""
    if not wide:
        return np.exp(log_mass), np.zeros(len(log_mass), np.int32)
    exponent = np.full(len(log_mass), UNREACHED, np.int32)
    seeded = np.isfinite(log_mass)
    exponent[seeded] = np.floor(log_mass[seeded] / np.log(2))
    return np.exp(log_mass - np.where(seeded, exponent, 0) * np.log(2)), exponent
