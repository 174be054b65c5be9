"""A graph of a few thousand nodes that stands for one of any size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

__all__ = ["Thinned", "thin"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]

_OPEN = 2048
"""Candidates that stand for all. Twice as many cost four times as much and gain little; half lose some."""
_COVERED = 2048
"""Labelled nodes that stand for all of them; a suggestion is hardly ever nearest to the others alone."""
_NEIGHBOURS = 10
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Thinned:
    """Nodes drawn from a large graph, joined anew to those nearest among them.

    Attributes:
        nodes: int32 (s,), the nodes of the large graph: candidates first, in the order drawn.
        open_count: how many of them are candidates; the others are labelled.
        edges: (s, s), 1 where one of two nodes is among the nearest of the other; symmetric.
        degrees: float64 (s,), edges of each node.
    """

    nodes: Int32
    open_count: int
    edges: csr_array
    degrees: npt.NDArray[np.float64]


def thin(features: Float32, candidates: Int32, labelled: Int32, least: int) -> Thinned:
    """Join the first 2,048 candidates (or `least`) and 2,048 of the labelled to their 10 nearest.

    A walk of 20 steps sees some hundred nodes. In a graph of 50,000 that is a corner of one class; here it
    is a share of the whole that does not depend on the size. O(s² p) for s nodes, s ≤ 4,096.

    Args:
        features: float32 (n, p), rows of all nodes; nearness is their cosine.
        candidates: int32 (m,), in random order.
        labelled: int32 (l,), in random order; none is a candidate.
        least: candidates to keep at least, where there are as many.
    """
    kept = candidates[: max(_OPEN, least)]
    nodes = np.concatenate([kept, labelled[:_COVERED]])
    lists = _nearest(unit(features[nodes]), _NEIGHBOURS)
    ends = np.arange(len(nodes)).repeat(lists.shape[1])
    directed = csr_array((np.ones(lists.size), (ends, lists.ravel())), shape=(len(nodes),) * 2)
    edges = directed.maximum(directed.T).tocsr()
    return Thinned(nodes, len(kept), edges, np.diff(edges.indptr).astype(np.float64))


def unit(features: Float32) -> Float32:
    """Return the rows at length 1; rows of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    rows: Float32 = np.divide(features, lengths, out=np.zeros_like(features), where=lengths > 0)
    return rows


def _nearest(rows: Float32, k: int) -> Ints:
    """Return int (s, min(k, s - 1)): the places of the rows of greatest product with each row, without it."""
    k = min(k, len(rows) - 1)
    lists = np.zeros((len(rows), max(k, 0)), np.int64)
    if k <= 0:
        return lists
    for start in range(0, len(rows), _BLOCK):
        products = rows[start : start + _BLOCK] @ rows.T
        own = np.arange(len(products))
        products[own, start + own] = -np.inf
        lists[start : start + _BLOCK] = np.argpartition(products, -k, axis=1)[:, -k:]
    return lists
