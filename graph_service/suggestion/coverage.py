"""Coverage: label where most of what no label covers yet comes together.

Every sample starts with the mass D^-1/2 and eq. 3 of Bai et al. spreads it, as it does labels, while the
labelled samples are clamped to zero and swallow what arrives: Y(t+1) = 𝒲 Y(t), Y_l = 0. What is left is
greatest in the middle of the largest region that no labelled sample reaches. The pick joins the labelled
ones and the next is found in the same way, so the picks of one batch cover different regions.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from graph_service.propagation.adjacency import Adjacency

__all__ = ["cover"]

Float64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

STEPS = 20
"""Far enough to see whole regions; on development data fewer steps picked worse (3 to 10 were tried)."""


def cover(
    adj: Adjacency, labelled: Bools, candidates: Bools, count: int
) -> tuple[npt.NDArray[np.int64], Float64]:
    """Return up to `count` candidates, each the best after those before it; O(count · steps · nnz).

    Args:
        adj: the graph, of n nodes.
        labelled: bool (n,), nodes that cover their region already.
        candidates: bool (n,), nodes that may be picked.
        count: the most picks.

    Returns:
        int64 (picks,) and float64 (picks,): the nodes, and the mass left at each, over that of the first.
    """
    size = len(adj)
    walk = sparse.csr_array((adj.weights, adj.indices, adj.indptr), shape=(size, size))
    # On Z = D^-1/2 Y the step is Z ← P Z. A node without neighbours has no degree: it covers only itself.
    linked = np.isfinite(adj.log_degrees)
    logs = np.where(linked, adj.log_degrees, 0.0)
    logs -= np.median(logs[linked]) if linked.any() else 0.0  # a common factor cancels
    start, weight = np.exp(-logs), np.exp(logs / 2)
    swallows, open_to = labelled.copy(), candidates.copy()
    picks, scores = [], []
    for _ in range(min(count, int(candidates.sum()))):
        left = weight * _spread(walk, start, swallows)
        pick = int(np.argmax(np.where(open_to, left, -1.0)))
        picks.append(pick)
        scores.append(left[pick])
        swallows[pick], open_to[pick] = True, False
    relative = np.array(scores)
    return np.array(picks, np.int64), relative / max(relative.max(initial=0.0), np.finfo(float).tiny)


def _spread(walk: sparse.csr_array, start: Float64, swallows: Bools) -> Float64:
    mass = start.copy()
    for _ in range(STEPS):
        mass[swallows] = 0
        mass = walk @ mass
    mass[swallows] = 0
    return mass
