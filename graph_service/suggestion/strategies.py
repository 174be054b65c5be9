"""Which samples to label next."""

from __future__ import annotations

from enum import Enum, auto

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.suggestion.coverage import cover

__all__ = ["Strategy", "suggest"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


class Strategy(Enum):
    """How the next samples are chosen."""

    RANDOM = auto()
    """Uniformly at random: the control."""
    MARGIN = auto()
    """Smallest lead of the first class over the second; unreached first."""
    ENTROPY = auto()
    """Largest entropy of the belief; unreached first."""
    COVERAGE = auto()
    """Where most random-walk mass gathers that no label covers (see `coverage`)."""


def suggest(
    strategy: Strategy,
    *,
    count: int,
    candidates: Int32,
    labelled: Bools,
    adj: Adjacency,
    beliefs: Float32,
    rng: np.random.Generator,
) -> tuple[Int32, Float32]:
    """Return up to `count` nodes worth labelling, the best first, with what the strategy maximised.

    Args:
        strategy: how to choose.
        count: at least 0; fewer nodes come back when there are fewer candidates.
        candidates: int32 (m,), distinct nodes that may be chosen, none labelled. Their order is what `rng`
            works on: give them in one that lasts, as slots are dealt out anew by a restart.
        labelled: bool (n,), nodes that cover their surroundings already.
        adj: the graph, of n rows; only COVERAGE looks at it.
        beliefs: float32 (n, C), rows sum to 1, or to 0 where unreached; for MARGIN and ENTROPY.
        rng: breaks ties, and is RANDOM's only guide. Equal states give equal answers.

    Returns:
        int32 nodes without repetition; float32 scores, 0 to 1, comparable within one answer.
    """
    nodes = rng.permutation(candidates)
    if strategy is Strategy.COVERAGE:
        chosen, gains = cover(adj, nodes, labelled, count)
        return chosen, (gains / max(gains.max(initial=0), np.finfo(np.float64).tiny)).astype(np.float32)
    if strategy is Strategy.RANDOM:
        scores = rng.random(len(nodes), np.float32)
    else:
        scores = (_narrowness if strategy is Strategy.MARGIN else _entropy)(beliefs[nodes])
    order = np.argsort(-scores, kind="stable")[:count]
    return nodes[order], scores[order]


def _narrowness(beliefs: Float32) -> Float32:
    """Return 1 - (greatest - second belief) of each row; 1 where unreached."""
    two = np.partition(beliefs, max(beliefs.shape[1] - 2, 0), axis=1)[:, -2:]
    narrowness: Float32 = np.clip(1 - (two[:, -1] - two[:, 0]), 0, 1)
    return narrowness


def _entropy(beliefs: Float32) -> Float32:
    """Return the entropy of each row over that of the uniform distribution; 1 where unreached."""
    logs = np.log(beliefs, where=beliefs > 0, out=np.zeros_like(beliefs))
    entropy = -(beliefs * logs).sum(axis=1) / np.log(max(beliefs.shape[1], 2))
    scores: Float32 = np.where(beliefs.any(axis=1), np.clip(entropy, 0, 1), 1).astype(np.float32)
    return scores
