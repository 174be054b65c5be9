"""Label propagation: eq. 3 of Bai et al., "Self-supervised Semi-supervised Learning for Data Labeling"."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.kernel import UNREACHED, steps_wide, sweep
from graph_service.propagation.lanes import lane_rows

__all__ = ["propagate"]

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


def propagate(adj: Adjacency, seeds: npt.NDArray[np.floating], clamped: Bools, steps: int) -> Float32:
    """Return the scores after `steps` steps of Ỹ(t+1) = 𝒲 Y(t), Y_l(t+1) = Y_l(0).

    Each row is that of Y(steps) up to a factor of its own: what is computed is Z ← P Z on Z = D^-1/2 Y, in
    float32 where that is shown to suffice as it runs, else with an exponent for every row. So a row is
    zero exactly when no walk brings it a label with the last step, whatever the temperature.
    O(steps · nnz · C), on all cores.

    Args:
        adj: the graph, of n rows. A row without neighbours sends and receives nothing.
        seeds: (n, C), Y(0), not negative; a row of zeros holds no label.
        clamped: bool (n,), the paper's set l: rows that keep their seed, zeros too, at every step. Other
            seeds are only where propagation starts.
        steps: t, at least 1.

    Returns:
        float32 (n, C).
    """
    clamped = np.require(clamped, requirements=["C", "W"])  # another layout would be compiled anew
    sums = seeds.sum(axis=1, dtype=np.float64)
    log_mass = _log_masses(adj, sums)
    scores = _fast(adj, seeds, sums, log_mass, clamped, steps)
    if scores is None:
        scores = _wide(adj, seeds, sums, log_mass, clamped, steps)
    alone = np.flatnonzero(clamped & (sums > 0) & np.isneginf(adj.log_degrees))
    scores[alone] = seeds[alone]
    return scores


def _log_masses(adj: Adjacency, sums: Float64) -> Float64:
    """Return the logarithms of the row sums of D^-1/2 Y(0), the greatest 0; -inf where nothing is sent."""
    rows = np.flatnonzero((sums > 0) & np.isfinite(adj.log_degrees))
    log_mass = np.full(len(sums), -np.inf)
    log_mass[rows] = np.log(sums[rows]) - adj.log_degrees[rows] / 2
    return log_mass - log_mass.max(initial=-np.inf) if len(rows) else log_mass


def _fast(
    adj: Adjacency,
    seeds: npt.NDArray[np.floating],
    sums: Float64,
    log_mass: Float64,
    clamped: Bools,
    steps: int,
) -> Float32 | None:
    """Return the scores by float32 alone, or nothing when it may not suffice.

    A product of the lightest edge with a row that sums to `faint` is 2⁻¹³⁵, and its greatest entry, one of at
    most 2¹⁴ classes, no less than 2⁻¹⁴⁹, float32's least. So no row is lost before one is found too faint.
    """
    faint = max(2.0**-100, 2.0**-135 / adj.lightest)
    if log_mass.min(initial=0.0, where=np.isfinite(log_mass)) < np.log(faint):
        return None
    states = _rows(seeds, np.exp(log_mass) / np.where(sums > 0, sums, 1), log_mass, clamped)
    unused = np.empty((1, len(adj)), np.float32)
    graph = adj.indptr, adj.indices, adj.weights
    sufficed = sweep(*graph, clamped, states, unused, 0, steps, 1.0, faint, False)
    return states[steps % 2, :, : seeds.shape[1]].copy() if sufficed else None


def _wide(
    adj: Adjacency,
    seeds: npt.NDArray[np.floating],
    sums: Float64,
    log_mass: Float64,
    clamped: Bools,
    steps: int,
) -> Float32:
    """Return the scores with an exponent a row."""
    here, there = _rows(seeds, 1 / np.where(sums > 0, sums, 1), log_mass, clamped)
    sent = np.isfinite(log_mass)
    exponent = np.full(len(log_mass), UNREACHED, np.int32)
    exponent[sent] = np.ceil(log_mass[sent] / np.log(2))
    mass = np.exp(log_mass - np.where(sent, exponent, 0) * np.log(2))
    rows = steps_wide(
        adj.indptr,
        adj.indices,
        adj.exact_weights(),
        clamped,
        steps,
        here,
        mass,
        exponent,
        there,
        mass.copy(),
        exponent.copy(),
    )
    scores: Float32 = rows[:, : seeds.shape[1]].copy()
    return scores


def _rows(seeds: npt.NDArray[np.floating], factors: Float64, log_mass: Float64, clamped: Bools) -> Float32:
    """Return two states, float32 (2, n, width): seeds · factors, and the clamped rows of it alone."""
    flat = lane_rows(2 * len(seeds), seeds.shape[1])
    states: Float32 = flat.reshape(2, len(seeds), flat.shape[1])
    seeded = np.flatnonzero(np.isfinite(log_mass))
    states[0, seeded, : seeds.shape[1]] = seeds[seeded] * factors[seeded, np.newaxis]
    kept = seeded[clamped[seeded]]
    states[1, kept] = states[0, kept]
    return states
