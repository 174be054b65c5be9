"""Oddities that need no noise model: near duplicates, contradictions, outliers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["contradictions", "duplicate_cosine", "near_pairs", "outlyingness", "stands_out"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]

_DEVIATIONS = 4.0
_OUTLYING = 3.0
_NORMAL = 1.4826
"""Median absolute deviations of a normal distribution in one standard deviation."""
_AT_MOST = 0.25
_TINY = 1e-6
_FARTHEST = 2.0


def duplicate_cosine(nearest: Float32) -> float:
    """Return the cosine from which on two samples all but repeat each other.

    The distance 1 - cosine to a sample's nearest other one is spread about log-normally. Near duplicates
    are those whose logarithm lies four deviations (by the median absolute deviation) below the median, and
    which are at most a quarter as far apart as is usual.

    Args:
        nearest: float32 (n,), the cosine of each node with its nearest other one; n may be 0.
    """
    if not len(nearest):
        return 1.0
    logs = np.log(np.maximum(1 - nearest.astype(np.float64), _TINY))
    middle = float(np.median(logs))
    deviation = _NORMAL * float(np.median(np.abs(logs - middle)))
    return 1 - float(np.exp(min(middle - _DEVIATIONS * deviation, middle + np.log(_AT_MOST))))


def outlyingness(neighbours: Int32, similarities: Float32, nodes: Int32) -> tuple[Float64, Float64]:
    """Return how far nodes are from their neighbours, by how far is usual there: float64 (n,) and its rank.

    The mean distance 1 - cosine of a node to its neighbours over the mean of theirs (the local outlier
    factor of Breunig et al., 2000, in its simplified form), times the distance itself over its median, so
    that both a sample outside its group and a group outside all others count. Rank: the share of the nodes
    that are less far, 0 to below 1. A node without neighbours is as far as can be.

    Args:
        neighbours: int32 (nodes, k), padded with -1.
        similarities: float32 (nodes, k).
        nodes: int32 (n,), those to judge.
    """
    filled = neighbours[nodes] >= 0
    counts = filled.sum(axis=1)
    distances = np.where(filled, 1 - similarities[nodes].astype(np.float64), 0)
    mean = np.full(len(neighbours), np.nan)
    alone = counts == 0
    mean[nodes] = np.where(alone, _FARTHEST, np.maximum(distances.sum(axis=1) / np.maximum(counts, 1), _TINY))
    around = np.where(filled, mean[neighbours[nodes]], 0).sum(axis=1) / np.maximum(counts, 1)
    own = mean[nodes]
    usual = float(np.median(own[~alone])) if (~alone).any() else 1.0
    factor = np.where(alone, np.inf, own**2 / (np.maximum(around, _TINY) * usual))
    ordered = np.sort(factor)
    return factor, np.searchsorted(ordered, factor, side="left") / max(len(factor), 1)


def stands_out(factor: Float64) -> int:
    """Return how many of the factors of `outlyingness` are outliers.

    Those whose logarithm lies three deviations (by the median absolute deviation) above the median.

    Args:
        factor: float64 (n,), greater than 0.
    """
    if not len(factor):
        return 0
    logs = np.log(np.minimum(factor, np.finfo(np.float64).max))
    middle = np.median(logs)
    return int((logs > middle + _OUTLYING * _NORMAL * np.median(np.abs(logs - middle))).sum())


def near_pairs(neighbours: Int32, similarities: Float32, nodes: Int32) -> tuple[Int32, Int32, Float32]:
    """Return the pairs of near duplicates among `nodes`, in both directions, nearest first.

    Args:
        neighbours: int32 (nodes, k), padded with -1.
        similarities: float32 (nodes, k).
        nodes: int32 (n,), all of them, in any order.

    Returns:
        int32 (p,) and int32 (p,), the nodes of each pair; float32 (p,), their cosine.
    """
    filled = neighbours[nodes] >= 0
    nearest = np.where(filled, similarities[nodes], -np.inf).max(axis=1, initial=-np.inf)
    least = duplicate_cosine(nearest[np.isfinite(nearest)])
    rows, places = np.nonzero(filled & (similarities[nodes] >= least))
    here, there = nodes[rows], neighbours[nodes[rows], places]
    cosines = similarities[here, places]
    ends = np.stack([np.concatenate([here, there]), np.concatenate([there, here])], axis=1)
    pairs, first = np.unique(ends, axis=0, return_index=True)
    cosines = np.concatenate([cosines, cosines])[first]
    order = np.argsort(-cosines, kind="stable")
    return pairs[order, 0].astype(np.int32), pairs[order, 1].astype(np.int32), cosines[order]


def contradictions(
    nodes: npt.NDArray[np.integer],
    classes: npt.NDArray[np.integer],
    pairs: tuple[Int32, Int32],
    count: int,
) -> npt.NDArray[np.bool_]:
    """Return which labels another label of the same node, or of a near duplicate, contradicts: bool (m,).

    Args:
        nodes: int (m,), the node of each label.
        classes: int (m,), what each label states.
        pairs: the nodes of near duplicates, in both directions.
        count: number of nodes.
    """
    least, most = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(least, nodes, classes)
    np.maximum.at(most, nodes, classes)
    around_least, around_most = least.copy(), most.copy()
    np.minimum.at(around_least, pairs[0], least[pairs[1]])
    np.maximum.at(around_most, pairs[0], most[pairs[1]])
    return np.asarray((around_least[nodes] != classes) | (around_most[nodes] != classes))
