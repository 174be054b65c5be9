"""The ways to choose what to label next, under one signature."""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.suggestion.coverage import cover
from graph_service.suggestion.uncertainty import entropy, margin

__all__ = ["Strategy", "suggest"]

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


class Strategy(Enum):
    """How the next samples to label are chosen."""

    RANDOM = "random"
    """Uniformly at random: the control."""
    MARGIN = "margin"
    """Smallest lead of the first class over the second; unreached samples first."""
    ENTROPY = "entropy"
    """Largest entropy of the belief; unreached samples first."""
    COVERAGE = "coverage"
    """Where most mass gathers that no labelled sample covers yet."""


def suggest(
    strategy: Strategy,
    *,
    count: int,
    candidates: Bools,
    labelled: Bools,
    adj: Adjacency,
    beliefs: Float32,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int32], Float32]:
    """Return up to `count` nodes to label next, best first, and what the strategy made of each.

    Args:
        strategy: how to choose.
        count: the most nodes to return; fewer come when there are fewer candidates.
        candidates: bool (n,), nodes that may be chosen.
        labelled: bool (n,), nodes that have been.
        adj: the graph, of n nodes.
        beliefs: float32 (n, C), rows sum to 1, or to 0 where unreached.
        rng: settles what is random, ties between equals too.

    Returns:
        int32 (m,) and float32 (m,), scores from 0 to 1.
    """
    if strategy is Strategy.COVERAGE:
        nodes, scores = cover(adj, labelled, candidates, count)
        return nodes.astype(np.int32), scores.astype(np.float32)
    nodes = rng.permutation(np.flatnonzero(candidates))
    if strategy is Strategy.RANDOM:
        return nodes[:count].astype(np.int32), np.ones(min(count, len(nodes)), np.float32)
    unsure = (margin if strategy is Strategy.MARGIN else entropy)(beliefs[nodes])
    best = np.argsort(-unsure, kind="stable")[:count]
    return nodes[best].astype(np.int32), np.clip(unsure[best], 0, 1)
