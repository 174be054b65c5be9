"""Which samples to label next. docs/suggestion.md says why."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum, auto

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.coverage import cover
from graph_service.suggestion.doubt import doubtful
from graph_service.suggestion.standing import represented
from graph_service.suggestion.thinned import thin
from graph_service.suggestion.uncertainty import entropy, narrowness

__all__ = ["Picks", "Reason", "State", "Strategy", "suggest"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


_ENOUGH = 2
"""Labels a class from which AUTO goes by doubt. With fewer, some classes have none and others look sure."""


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
    AUTO = auto()
    """Coverage, and once there are some labels, of the doubtful part alone (see `doubt`): the default."""
    AUDIT = auto()
    """The next of the audit."""


class Reason(Enum):
    """Why a sample is suggested."""

    RANDOM = auto()
    UNCERTAIN = auto()
    COVERAGE = auto()
    AUDIT = auto()


@dataclass(frozen=True, eq=False)
class State:
    """What a choice looks at, over n nodes.

    Attributes:
        candidates: int32 (m,), distinct nodes that may be chosen, none labelled. Their order is what the
            random generator works on: give them in one that lasts, as nodes are numbered anew with every change of samples.
        labelled: int32 (l,), nodes that cover their surroundings already, in an order that lasts.
        audit: int32 (m,), the candidates in the order of the audit.
        sample: int32 (s,), nodes that stand for all.
        features: float32 (n, p), see `linear.basis`.
        beliefs: float32 (n, C), rows sum to 1, or to 0 where unreached.
    """

    candidates: Int32
    labelled: Int32
    audit: Int32
    sample: Int32
    features: Float32
    beliefs: Float32

    def after(self, picks: Int32) -> State:
        """Return the state once these candidates are labelled, the beliefs as they are."""
        return replace(
            self,
            candidates=self.candidates[~np.isin(self.candidates, picks)],
            labelled=np.concatenate([self.labelled, picks]),
        )


@dataclass(frozen=True, eq=False)
class Picks:
    """Nodes worth labelling, the best first.

    Attributes:
        nodes: int32 (m,), without repetition.
        scores: float32 (m,), 0 to 1, comparable among those of one reason; 1 for the audit's.
        reasons: why each was chosen.
        shares: float64 (m,), the share of all nodes that each stands for (see `represented`).
    """

    nodes: Int32
    scores: Float32
    reasons: list[Reason]
    shares: npt.NDArray[np.float64]


def suggest(
    strategy: Strategy, *, count: int, audit_share: float, state: State, rng: np.random.Generator
) -> Picks:
    """Choose up to `count` candidates.

    Args:
        strategy: how to choose.
        count: at least 0; fewer come back when there are fewer candidates.
        audit_share: of the picks, 0 to 1, that are the audit's next, spread evenly among the others; one at
            least unless it is 0.
        state: what is known.
        rng: breaks ties, thins the graph, and is RANDOM's only guide. Equal states give equal answers.
    """
    count = min(count, len(state.candidates))
    wanted = count if strategy is Strategy.AUDIT else min(math.ceil(audit_share * count), count)
    audits = state.audit[:wanted]
    rest = state.after(audits)
    others = replace(
        rest, candidates=rng.permutation(rest.candidates), labelled=rng.permutation(rest.labelled)
    )
    chosen, chosen_scores = _chosen(strategy, count - wanted, others)
    # `insert` counts among those that are there already.
    places = ((np.arange(wanted) + 0.5) * count / max(wanted, 1)).astype(np.int64) - np.arange(wanted)
    nodes = np.insert(chosen, places, audits)
    scores = np.insert(chosen_scores, places, 1)
    of_audit = np.insert(np.zeros(len(chosen), np.bool_), places, values=True)
    shares = represented(state.features, state.sample, state.labelled, nodes)
    even = 1 / max(len(state.labelled) + len(nodes), 1)
    reasons = [
        Reason.AUDIT if audit else _reason(strategy, share >= even or _few(state))
        for audit, share in zip(of_audit.tolist(), shares.tolist(), strict=True)
    ]
    return Picks(nodes, scores, reasons, shares)


def _chosen(strategy: Strategy, count: int, state: State) -> tuple[Int32, Float32]:
    """Return the nodes and their scores; the candidates are in random order."""
    nodes = state.candidates
    if count == 0:
        return nodes[:0], np.zeros(0, np.float32)
    if strategy is Strategy.RANDOM:
        return nodes[:count], np.linspace(1, 0, count, dtype=np.float32)
    if strategy in (Strategy.MARGIN, Strategy.ENTROPY):
        doubts = (narrowness if strategy is Strategy.MARGIN else entropy)(state.beliefs[nodes])
        order = np.argsort(-doubts, kind="stable")[:count]
        return nodes[order], doubts[order]
    if strategy is Strategy.AUTO and not _few(state):
        nodes = nodes[doubtful(state.beliefs[nodes], count)]
    graph = thin(state.features, nodes, state.labelled, count)
    places, gains = cover(graph, count)
    scores = gains / max(gains.max(initial=0), np.finfo(np.float64).tiny)
    return graph.nodes[places], scores.astype(np.float32)


def _few(state: State) -> bool:
    """Whether the labels are too few for doubt to mean anything: fewer than two for each class."""
    return len(state.labelled) < _ENOUGH * state.beliefs.shape[1]


def _reason(strategy: Strategy, uncovered: bool) -> Reason:
    """Say why; AUTO's picks are there for what they cover if that is more than an even share."""
    if strategy is Strategy.RANDOM:
        return Reason.RANDOM
    if strategy is Strategy.COVERAGE or (strategy is Strategy.AUTO and uncovered):
        return Reason.COVERAGE
    return Reason.UNCERTAIN
