"""The weighted graph that labels spread over, made from the neighbour lists in log space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.events import Method
from graph_service.propagation.edges import directed, normalise, symmetrised

__all__ = ["Adjacency", "adjacency", "typical_temperature"]


@dataclass(frozen=True, eq=False)
class Adjacency:
    """P = D⁻¹W in compressed rows, and the logarithms of D.

    The paper's 𝒲 = D^-1/2 W D^-1/2 is D^1/2 P D^-1/2, so nothing of W itself is needed, which at
    T = 0.01 would not fit a float32 and at T = 0.001 not even a float64.

    Attributes:
        indptr: int64 (n + 1,); row i holds the entries from `indptr[i]` to `indptr[i + 1]`.
        indices: int32 (nnz,), the neighbour of each entry.
        cosines: float32 (nnz,), s_ij.
        temperature: T.
        weights: float32 (nnz,), each row sums to 1: the softmax of s_ij / T over the row.
        lightest: the least weight before it was rounded to float32, in which it may be 0; at least 2⁻⁸⁰⁰.
        log_degrees: float64 (n,), L_i = log Σ_j exp(s_ij / T); -inf where a row has no neighbours.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    cosines: npt.NDArray[np.float32]
    temperature: float
    weights: npt.NDArray[np.float32]
    lightest: float
    log_degrees: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.log_degrees)

    def exact_weights(self) -> npt.NDArray[np.float64]:
        """Return the weights as float64 (nnz,).

        One below 2⁻⁸⁰⁰ (possible for T < 0.0037 only) is raised to it: whom a label reaches is never lost.
        """
        weights = np.empty(len(self.cosines))
        normalise(self.indptr, self.cosines, self.temperature, weights)
        return weights


def adjacency(
    neighbours: npt.NDArray[np.int32],
    similarities: npt.NDArray[np.float32],
    *,
    method: Method,
    temperature: float,
) -> Adjacency:
    """Return the adjacency of neighbour lists: eq. 2 of Bai et al., normalised.

    O(n k²) at worst, to find out which edges are mutual.

    Args:
        neighbours: int32 (n, k), rows padded with -1; no row holds itself or one neighbour twice.
        similarities: float32 (n, k), the cosines; ignored where there is no neighbour.
        method: `PAPER` takes W as printed, W_ij = exp(s_ij / T) for j in the list of i; the others take
            max(W, Wᵀ).
        temperature: T, greater than 0.
    """
    neighbours = np.require(neighbours, np.int32, ["C", "W"])
    similarities = np.require(similarities, np.float32, ["C", "W"])
    rows = directed if method is Method.PAPER else symmetrised
    indptr, indices, cosines = rows(neighbours, similarities)
    weights = np.empty(len(cosines), np.float32)
    log_degrees, lightest = normalise(indptr, cosines, float(temperature), weights)
    return Adjacency(indptr, indices, cosines, float(temperature), weights, lightest, log_degrees)


def typical_temperature(similarities: npt.NDArray[np.float32]) -> float:
    """Return the T at which the nearest neighbour typically weighs e^0.5 times the farthest in the list.

    That is twice the median difference of the two cosines. Encoders spread their cosines very differently,
    so that no constant suits all; within a factor of three of this value accuracy hardly moves.

    Args:
        similarities: float32 (n, k), the cosines by falling value, padded with -inf.

    Returns:
        T, 0.001 to 10; 0.1 where no node has two neighbours.
    """
    counts = np.isfinite(similarities).sum(axis=1)
    rows = np.flatnonzero(counts >= 2)
    if not len(rows):
        return 0.1
    gaps = similarities[rows, 0] - similarities[rows, counts[rows] - 1]
    return float(np.clip(2 * np.median(gaps), 0.001, 10))
