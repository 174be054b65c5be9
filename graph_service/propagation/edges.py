"""Neighbour lists to weighted rows: the kernels behind `adjacency`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.propagation.parallel import parallel

__all__ = ["directed", "normalise", "symmetrised"]

Rows = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float32]]

_LIGHTEST = 2.0**-800
"""Least weight of an edge, so that the product with a row's mass is a normal float64 (see `kernel`)."""


def directed(neighbours: npt.NDArray[np.int32], similarities: npt.NDArray[np.float32]) -> Rows:
    """Return the lists as compressed rows: indptr, indices, cosines."""
    present = neighbours >= 0
    indptr = np.zeros(len(neighbours) + 1, np.int64)
    np.cumsum(present.sum(axis=1), out=indptr[1:])
    return indptr, neighbours[present], similarities[present]


@parallel
def symmetrised(neighbours: npt.NDArray[np.int32], similarities: npt.NDArray[np.float32]) -> Rows:
    """Return the compressed rows of max(W, Wᵀ): indptr, indices, cosines; O(n k²)."""
    n, k = neighbours.shape
    mutual = np.empty((n, k), np.float32)  # the cosine in the neighbour's own list; -inf if one-sided
    for i in prange(n):
        for c in range(k):
            mutual[i, c] = _cosine_in(neighbours, similarities, neighbours[i, c], i)

    indptr = _row_starts(neighbours, mutual)
    end = indptr[:-1].copy()
    indices = np.empty(indptr[-1], np.int32)
    cosines = np.empty(indptr[-1], np.float32)
    for i in range(n):
        for c in range(k):
            j = neighbours[i, c]
            if j >= 0:
                indices[end[i]] = j
                cosines[end[i]] = max(similarities[i, c], mutual[i, c])
                end[i] += 1
                if mutual[i, c] == -np.inf:
                    indices[end[j]] = i
                    cosines[end[j]] = similarities[i, c]
                    end[j] += 1
    return indptr, indices, cosines


@njit(cache=True)
def _cosine_in(
    neighbours: npt.NDArray[np.int32], similarities: npt.NDArray[np.float32], row: int, wanted: int
) -> float:
    """Return the cosine of `wanted` in a row's list, -inf where there is no such row or it lacks it."""
    if row >= 0:
        for c in range(neighbours.shape[1]):
            if neighbours[row, c] == wanted:
                return float(similarities[row, c])
    return -np.inf


@njit(cache=True)
def _row_starts(neighbours: npt.NDArray[np.int32], mutual: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return indptr: a row holds its own list, and the rows that list it one-sidedly."""
    indptr = np.zeros(len(neighbours) + 1, np.int64)
    for i in range(len(neighbours)):
        for c in range(neighbours.shape[1]):
            j = neighbours[i, c]
            if j >= 0:
                indptr[i + 1] += 1
                if mutual[i, c] == -np.inf:
                    indptr[j + 1] += 1
    return np.cumsum(indptr)


@parallel
def normalise(
    indptr: npt.NDArray[np.int64],
    cosines: npt.NDArray[np.float32],
    temperature: float,
    weights: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.float64], float]:
    """Write the softmax of cosine / T over each row; return the log of its denominators and the least weight.

    A weight is rounded to the type of `weights`, the least one is not.
    """
    n = len(indptr) - 1
    log_degrees = np.full(n, -np.inf)
    least = 1.0
    for i in prange(n):
        entries = range(indptr[i], indptr[i + 1])
        if len(entries) == 0:
            continue
        top = -np.inf
        for p in entries:
            top = max(top, cosines[p] / temperature)
        total = 0.0
        for p in entries:
            total += np.exp(cosines[p] / temperature - top)
        lightest = 1.0
        for p in entries:
            weight = max(np.exp(cosines[p] / temperature - top) / total, _LIGHTEST)
            weights[p] = weight
            lightest = min(lightest, weight)
        least = min(least, lightest)
        log_degrees[i] = top + np.log(total)
    return log_degrees, least
