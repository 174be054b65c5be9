"""What the other labels make of each labelled node: two opinions in which its own label has no part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.linear.classifier import Lesson, log_posterior
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.beliefs import beliefs
from graph_service.propagation.propagate import propagate

__all__ = ["Believe", "Opinions", "held_out", "propagated"]

Float32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Believe = Callable[[Statements], tuple[npt.NDArray[np.integer], Float32]]

_FOLDS = 5
_TEACHERS = 40_000
"""Most labelled nodes that one critic learns from; of more, as many at random."""
_SMOOTHING = 2
"""Free steps after the clamped ones, so that a wrong label next door is outvoted in its turn."""
_LEAST = 1e-6


@dataclass(frozen=True, eq=False)
class Opinions:
    """Two held-out opinions of each of l labelled nodes, over the c classes that some of m labels states.

    Attributes:
        beliefs: float32 (l, c), logarithms of what the dataset's method believes without the node's fold.
        critic: float32 (l, c), logarithms of the class that a linear classifier of the vectors expects a
            label to state, taught by the labels of the other folds alone.
        places: int32 (m,), the place of each label's node.
        judged: bool (m,), whether the others can judge the label: they reach the node, and one of them
            states the label's class (else they could only contradict it).
    """

    beliefs: Float32
    critic: Float32
    places: npt.NDArray[np.int32]
    judged: Bools


def held_out(
    labels: Statements, numbers: npt.NDArray[np.integer], features: Float32, believe: Believe
) -> Opinions:
    """Return what the labels of other nodes say of every labelled node.

    The labelled nodes are dealt into five folds; for each, everything is learnt anew from the labels
    outside it. So neither a label nor one of an exact copy (which shares its node) has a part in its own
    judgement, by whatever way. Costs five times `believe`, and O(m p² + m p C).

    Args:
        labels: may be none.
        numbers: (n,), a number of each node that lasts, as nodes are numbered anew with every change of
            samples; a node's fold depends on it alone.
        features: float32 (n, p), of the vectors.
        believe: given the labels of the other folds, returns the classes that it knows (k,) and float32
            (n, k), rows that sum to 1, or to 0 where unreached.
    """
    labelled, inverse = np.unique(labels.nodes, return_inverse=True)
    shape, places = (len(labelled), len(labels.seen)), inverse.astype(np.int32)
    beliefs, critic = np.full(shape, np.log(_LEAST), np.float32), np.zeros(shape, np.float32)
    judged = np.zeros(len(labels), np.bool_)
    fold_of = _folds(numbers[labelled], _FOLDS)
    for fold in np.unique(fold_of):
        inside = fold_of == fold
        if inside.all():
            continue
        own = inside[places]
        others = Statements(
            labels.nodes[~own], labels.classes[~own], labels.verified[~own], labels.class_count
        )
        nodes = labelled[inside]
        classes, rows = believe(others)
        heard = np.zeros((len(nodes), shape[1]), np.float32)
        heard[:, np.searchsorted(labels.seen, classes)] = rows[nodes]
        beliefs[inside] = np.log(np.maximum(heard, _LEAST))
        critic[np.ix_(inside, np.searchsorted(labels.seen, others.seen))] = _critic(others, features, nodes)
        unheard = np.setdiff1d(labels.seen, others.seen)
        critic[np.ix_(inside, np.searchsorted(labels.seen, unheard))] = np.log(_LEAST)
        reached = np.zeros(len(labelled), np.bool_)
        reached[inside] = heard.any(axis=1)
        judged[own] = reached[places[own]] & np.isin(labels.classes[own], others.seen)
    return Opinions(beliefs, critic, places, judged)


def propagated(adj: Adjacency, labels: Statements, steps: int) -> tuple[npt.NDArray[np.integer], Float32]:
    """Return the classes stated, and what the paper's propagation believes without clamping at the end.

    All labels are clamped, whatever their trust, for `steps` steps; then two steps are taken with nothing
    clamped. Clamping lets few labels reach far; the free steps average out the wrong ones where labels are
    dense. O(steps · nnz · C).

    Args:
        adj: the graph, of n rows.
        labels: at least one.
        steps: of propagation, at least 1.
    """
    clamped = np.zeros(len(adj), np.bool_)
    clamped[labels.labelled] = True
    seeds = np.zeros((len(adj), len(labels.seen)), np.float32)
    seeds[labels.labelled] = labels.seeds
    spread = beliefs(propagate(adj, seeds, clamped, steps))
    return labels.seen, beliefs(propagate(adj, spread, np.zeros(len(adj), np.bool_), _SMOOTHING))


def _critic(labels: Statements, features: Float32, nodes: npt.NDArray[np.integer]) -> Float32:
    """Return what the labels teach a linear classifier to expect at `nodes`, as logarithms."""
    rows = labels.drawn(_TEACHERS)
    weights = np.ones(len(rows), np.float32)
    lesson = Lesson(features, weights, rows=labels.labelled[rows])
    coefficients = lesson.learn(labels.seeds[rows])
    return np.maximum(log_posterior(features[nodes], coefficients), np.float32(np.log(_LEAST)))


def _folds(numbers: npt.NDArray[np.integer], folds: int) -> npt.NDArray[np.uint32]:
    """Return the fold of each node: multiplicative hashing, so that no regular order fills a fold."""
    return (numbers.astype(np.uint32) * np.uint32(0x9E3779B1) >> np.uint32(16)) % np.uint32(folds)
