"""Which samples to label next. docs/suggestion.md says why."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.coverage import cover
from graph_service.suggestion.doubt import doubtful
from graph_service.suggestion.drawing import first
from graph_service.suggestion.ground import Ground
from graph_service.suggestion.thinned import CANDIDATES
from graph_service.suggestion.uncertainty import entropy

__all__ = ["Picks", "Reason", "State", "Strategy", "suggest"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


_ENOUGH = 2
"""Labels a class from which AUTO goes by doubt. With fewer, some classes have none and others look sure."""
_BLOCK = 8192
"""Rows whose entropy is taken at a time: bounds the temporary memory."""


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
        ground: the nodes.
        labelled: bool (n,), nodes that cover their surroundings already, and are not chosen.
        unwanted: int32 (m,), nodes that are not chosen either.
        class_count: classes there are.
        narrowness: returns how divided the beliefs are, float32 (n,); see `uncertainty`.
        rows: returns the beliefs of nodes, float32 (m, class_count): rows sum to 1, or to 0 where unreached.
    """

    ground: Ground
    labelled: Bools
    unwanted: Int32
    class_count: int
    narrowness: Callable[[], Float32]
    rows: Callable[[Int32], Float32]

    @property
    def few(self) -> bool:
        """Whether the labels are too few for doubt to mean anything: fewer than two for each class."""
        return np.count_nonzero(self.labelled) < _ENOUGH * self.class_count


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


def suggest(strategy: Strategy, *, count: int, audit_share: float, seed: int, state: State) -> Picks:
    """Choose up to `count` nodes.

    Args:
        strategy: how to choose.
        count: at least 0; fewer come back when there are fewer that may be chosen.
        audit_share: of the picks, 0 to 1, that are the audit's next, spread evenly among the others; one at
            least unless it is 0.
        seed: 0 to 2⁶⁴ - 1: breaks ties, thins the graph, and is RANDOM's only guide.
        state: what is known. Equal states give equal answers.
    """
    closed = state.labelled.copy()
    closed[state.unwanted] = True
    count = min(count, len(closed) - np.count_nonzero(closed))
    wanted = count if strategy is Strategy.AUDIT else min(math.ceil(audit_share * count), count)
    audits = first(state.ground.audit, closed, False, wanted)
    closed[audits] = True
    chosen, chosen_scores = _chosen(strategy, count - wanted, seed, state, closed, audits)
    # `insert` counts among those that are there already.
    places = ((np.arange(wanted) + 0.5) * count / max(wanted, 1)).astype(np.int64) - np.arange(wanted)
    nodes = np.insert(chosen, places, audits)
    scores = np.insert(chosen_scores, places, 1)
    of_audit = np.insert(np.zeros(len(chosen), np.bool_), places, values=True)
    shares = state.ground.represented(state.labelled, nodes)
    even = 1 / max(np.count_nonzero(state.labelled) + len(nodes), 1)
    reasons = [
        Reason.AUDIT if audit else _reason(strategy, share >= even or state.few)
        for audit, share in zip(of_audit.tolist(), shares.tolist(), strict=True)
    ]
    return Picks(nodes, scores, reasons, shares)


def _chosen(
    strategy: Strategy, count: int, seed: int, state: State, closed: Bools, audits: Int32
) -> tuple[Int32, Float32]:
    """Return nodes that are not closed, and their scores."""
    if count == 0:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    draw = state.ground.draw(seed)
    if strategy is Strategy.RANDOM:
        return first(draw.order, closed, False, count), np.linspace(1, 0, count, dtype=np.float32)
    if strategy in (Strategy.MARGIN, Strategy.ENTROPY):
        nodes = first(draw.order, closed, False, len(closed))
        doubts = state.narrowness()[nodes] if strategy is Strategy.MARGIN else _entropies(state, nodes)
        enough = np.flatnonzero(doubts >= np.partition(doubts, -count)[-count])
        order = enough[np.argsort(-doubts[enough], kind="stable")[:count]]
        return nodes[order], doubts[order]
    most = max(CANDIDATES, count)
    if strategy is Strategy.COVERAGE or state.few:
        nodes = first(draw.order, closed, False, most)
    else:
        nodes = doubtful(state.narrowness(), closed, draw.order, count, most)
    covered = state.labelled.copy()
    covered[audits] = True
    graph = draw.thin(nodes, covered)
    places, gains = cover(graph, count)
    scores = gains / max(gains.max(initial=0), np.finfo(np.float64).tiny)
    return graph.nodes[places], scores.astype(np.float32)


def _entropies(state: State, nodes: Int32) -> Float32:
    blocks = range(0, len(nodes), _BLOCK)
    return np.concatenate([entropy(state.rows(nodes[start : start + _BLOCK])) for start in blocks])


def _reason(strategy: Strategy, uncovered: bool) -> Reason:
    """Say why; AUTO's picks are there for what they cover if that is more than an even share."""
    if strategy is Strategy.RANDOM:
        return Reason.RANDOM
    if strategy is Strategy.COVERAGE or (strategy is Strategy.AUTO and uncovered):
        return Reason.COVERAGE
    return Reason.UNCERTAIN
