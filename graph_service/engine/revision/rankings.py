"""Every kind of flag in order, the most suspicious first: made once a revision, whatever is asked of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from graph_service.engine.revision.view import GraphView
from graph_service.flagging.cut import best_f1
from graph_service.flagging.kinds import contradictions, stands_out
from graph_service.flagging.noise import Judgement
from graph_service.pooling.statements import Statements

__all__ = ["FlagKind", "Ranking", "contradicting", "outliers", "repeats", "wrong_labels"]

Ints = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

_ALL = slice(None)


class FlagKind(IntEnum):
    """What is looked for; values are those of the contract."""

    WRONG_LABEL = 1
    CONTRADICTION = 2
    NEAR_DUPLICATE = 3
    OUTLIER = 4


@dataclass(frozen=True, eq=False)
class Ranking:
    """What may be flagged, the most suspicious first.

    Attributes:
        items: int32 (m,), labels (by their place in the columns) or, of kinds that concern samples, samples.
        suspicions: float32, 0 to 1, by label or sample, whether it is among the items or not.
        flagged: int64 (f,), places in `items` that are flagged when no cut is asked for, rising.
    """

    items: Int32
    suspicions: Float32
    flagged: Ints

    def suspicion(self, places: slice | Ints = _ALL) -> Float32:
        """Return the suspicion of the items at these places, falling: float32."""
        found: Float32 = self.suspicions[self.items[places]]
        return found


def wrong_labels(judgement: Judgement) -> Ranking:
    """Rank the judged labels by the probability that they are wrong.

    Flagged are those before the best expected F1 whose held-out opinion prefers another class.
    """
    ranking = _ranked(np.flatnonzero(judgement.judged), judgement.wrong)
    before = ranking.items[: best_f1(ranking.suspicion())]
    return replace(ranking, flagged=np.flatnonzero(judgement.doubted[before]))


def contradicting(view: GraphView, stated: Statements, judgement: Judgement) -> Ranking:
    """Rank the labels that others of exact or near duplicates contradict; all are flagged."""
    found = contradictions(stated.nodes, stated.classes, view.near_pairs()[:2], len(view.node_samples))
    return _ranked(np.flatnonzero(found), judgement.wrong)


def repeats(view: GraphView) -> Ranking:
    """Rank the samples that repeat an earlier one, by their cosine with the nearest such; all are flagged."""
    best = np.zeros(len(view.ids), np.float32)
    first, second, cosines = view.near_pairs()
    later = view.node_samples[first] > view.node_samples[second]
    np.maximum.at(best, view.node_samples[first[later]], np.minimum(cosines[later], np.float32(1)))
    best[view.node_samples[view.sample_nodes] != np.arange(len(best))] = 1
    return _ranked(np.flatnonzero(best > 0), best)


def outliers(view: GraphView) -> Ranking:
    """Rank the samples by how far they are from the others; those that stand out are flagged."""
    factor, rank = view.outlyingness()
    samples = view.node_samples[view.nodes]
    suspicions = np.zeros(len(view.ids), np.float32)
    suspicions[samples] = rank
    return replace(_ranked(samples, suspicions), flagged=np.arange(stands_out(factor)))


def _ranked(items: npt.NDArray[np.integer], suspicions: Float32) -> Ranking:
    # Equal suspicion keeps the items' own order, so that pages of one revision always agree.
    order = np.argsort(-suspicions[items], kind="stable")
    return Ranking(items[order].astype(np.int32), suspicions, np.arange(len(items)))
