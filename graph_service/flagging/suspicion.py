"""How suspicious a label is: what all the other labels make of its node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.beliefs import beliefs as normalised
from graph_service.propagation.beliefs import decide
from graph_service.propagation.propagate import propagate

__all__ = ["Dissent", "dissent", "held_out_beliefs", "suspicion"]

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

FOLDS = 10
"""More folds leave more of the other labels standing, and cost as much more time."""


@dataclass(frozen=True, eq=False)
class Dissent:
    """The neighbours that speak against a label, heaviest first; columns of one length.

    Attributes:
        nodes: int32, the neighbours.
        weights: float64, their shares of the vote about the node, 0 to 1.
        classes: int32, the classes they are believed to have.
    """

    nodes: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int32]


def held_out_beliefs(
    adj: Adjacency, seeds: npt.NDArray[np.floating], labelled: Bools, steps: int, *, folds: int = FOLDS
) -> Float32:
    """Return what the other labels say of each labelled node, its own labels left out.

    The labelled nodes fall into `folds` parts; each part's beliefs come from a propagation without the
    labels of that part. All other labels are clamped, given ones too: left to be overruled, dense given
    labels smooth each other away within the steps that sparse ones need to arrive at all.
    O(folds · steps · nnz · C).

    Args:
        adj: the graph, of n nodes.
        seeds: (n, C), the labels' shares of each node; rows of zeros where there is none.
        labelled: bool (n,), nodes with a label.
        steps: steps of each propagation.
        folds: how many parts, at least 2.

    Returns:
        float32 (n, C), rows sum to 1, or to 0 where no other label arrives (and where `labelled` is not).
    """
    nodes = np.flatnonzero(labelled)
    found: Float32 = np.zeros(seeds.shape, np.float32)
    for part in (nodes[start::folds] for start in range(min(folds, len(nodes)))):
        others, kept = labelled.copy(), seeds.copy()
        others[part] = False
        kept[part] = 0
        found[part] = normalised(propagate(adj, kept, others, steps)[part])
    return found


def suspicion(held_out: Float32, classes: npt.NDArray[np.int32]) -> Float32:
    """Return the suspicion of labels, float32 (m,), 0 to 1.

    suspicion_i = 1 − q_i[class of label i], where q_i is the held-out belief of its node, and 0 where no
    other label arrives: without evidence there is no suspicion.

    Args:
        held_out: float32 (m, C), the held-out belief of each label's node.
        classes: int32 (m,), the class that each label states.
    """
    stated = held_out[np.arange(len(classes)), classes]
    return np.where(held_out.any(axis=1), np.clip(1 - stated, 0, 1), np.float32(0))


def dissent(adj: Adjacency, beliefs: Float32, node: int, class_index: int, count: int) -> Dissent:
    """Return up to `count` neighbours of a node that are believed to have another class than its label.

    Args:
        adj: the graph, of n nodes.
        beliefs: float32 (n, C), the current beliefs.
        node: the label's node.
        class_index: the class that the label states.
        count: the most neighbours to return.
    """
    row = slice(adj.indptr[node], adj.indptr[node + 1])
    nodes, weights = adj.indices[row], adj.weights[row]
    classes, _ = decide(beliefs[nodes])
    against = np.flatnonzero((classes >= 0) & (classes != class_index))
    heaviest = against[np.argsort(-weights[against], kind="stable")][:count]
    return Dissent(nodes[heaviest], weights[heaviest], classes[heaviest])
