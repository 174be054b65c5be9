"""Who speaks against a label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency

__all__ = ["evidence"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


def evidence(
    adj: Adjacency, node: int, label: int, classes: Int32, count: int
) -> tuple[Int32, Float32, Int32]:
    """Return the neighbours that speak against a label on `node`, heaviest first.

    Args:
        adj: the graph, of n rows.
        node: the labelled node.
        label: the class that the label states.
        classes: int32 (n,), the class each node is believed to have, -1 where unreached.
        count: most neighbours to return.

    Returns:
        int32 (≤ count,) nodes whose class is known and another; float32, the weight of each: its share, 0 to
        1, of the vote of all neighbours whose class is known; int32, their classes.
    """
    row = slice(adj.indptr[node], adj.indptr[node + 1])
    neighbours, weights = adj.indices[row], adj.weights[row]
    voting = classes[neighbours] >= 0
    against = np.flatnonzero(voting & (classes[neighbours] != label))
    against = against[np.argsort(-weights[against], kind="stable")][:count]
    shares = (weights[against] / max(weights[voting].sum(), np.finfo(np.float64).tiny)).astype(np.float32)
    return neighbours[against], shares, classes[neighbours[against]]
