"""Class masses: how much of the data each class should get, and the factors that give it that much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import gammaln

__all__ = ["class_prior", "mass_factors"]

Float64 = npt.NDArray[np.float64]

_CONCENTRATIONS = np.geomspace(0.5, 1e4, 60)
_ROUNDS = 20
_LEAST = 1e-4
"""Least factor. Rows sure of their class keep it whatever the factors, which would else have no end."""


def class_prior(counts: Float64) -> Float64:
    """Return the expected share of each class given how many labels state it.

    Counts alone would make a class of one label in ten a tenth of the data; equal shares would ruin
    long tails. So the shares are taken to be Dirichlet(a, …, a), and a is integrated out under a flat prior
    on its logarithm: counts that look like equal shares give equal shares, others are believed.
    O(60 C).

    Args:
        counts: (C,), labels of each class, not negative; C at least 1.

    Returns:
        float64 (C,), greater than 0, summing to 1.
    """
    total, classes, a = counts.sum(), len(counts), _CONCENTRATIONS
    # The Dirichlet-multinomial probability of the counts.
    log_evidence = gammaln(classes * a) - gammaln(classes * a + total)
    log_evidence += (gammaln(counts[:, np.newaxis] + a) - gammaln(a)).sum(axis=0)
    weights = np.exp(log_evidence - log_evidence.max())
    shares: Float64 = ((counts[:, np.newaxis] + a) / (total + classes * a)) @ (weights / weights.sum())
    return shares


def mass_factors(scores: npt.NDArray[np.floating], prior: Float64) -> Float64:
    """Return the factor of each class that makes the classes' mean beliefs the prior.

    Class-mass normalisation (Zhu et al., 2003), repeated until the masses hold once rows are normalised,
    too. O(20 m C).

    Args:
        scores: (m, C), not negative: scores of a sample of nodes, of any row sums; rows of zeros do
            not count.
        prior: float64 (C,), greater than 0.

    Returns:
        float64 (C,), 0.0001 to 1; they mean nothing for a class without mass.
    """
    rows = np.ascontiguousarray(scores)
    factors = np.ones(len(prior))
    for _ in range(_ROUNDS):
        masses, heard = _masses(rows, factors)
        factors *= np.divide(prior * heard, masses, out=np.ones_like(masses), where=masses > 0)
        factors /= factors.max()
        np.maximum(factors, _LEAST, out=factors)
    return factors


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _masses(scores: npt.NDArray[np.floating], factors: Float64) -> tuple[Float64, int]:
    """Return the sums of the normalised rows of scores · factors, and how many rows these are."""
    masses, heard = np.zeros(len(factors)), 0
    for i in range(len(scores)):
        power = 0.0
        for c in range(len(factors)):
            power += scores[i, c] * factors[c]
        if power > 0.0:
            heard += 1
            share = 1.0 / power
            for c in range(len(factors)):
                masses[c] += scores[i, c] * share
    return masses * factors, heard
