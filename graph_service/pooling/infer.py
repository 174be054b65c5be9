"""Pooled inference: from labels to a belief for every node. docs/method.md says why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.linear.classifier import Lesson, log_posterior, logits
from graph_service.pooling.kernel import balanced
from graph_service.pooling.pool import CLASSIFIER_SHARE, pool
from graph_service.pooling.scatter import add_rows_at
from graph_service.pooling.statements import Statements
from graph_service.pooling.transition import transition
from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.masses import class_prior, mass_factors
from graph_service.propagation.spreading import spread

__all__ = ["Pooled", "infer"]

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

_ROUNDS = 2
_LEAST_FACTOR = 0.01
"""Rows that are sure of their class do not move, and the factors that try would ruin the others."""
_FEW_OPEN = 30
"""Nodes without a verified label whose masses are half believed: of fewer they are chance's."""
_SOFT_LABELS = 300.0
"""Labels that all beliefs of unlabelled nodes together are worth when the classifier learns."""
_MOST_LABELLED = 8192
"""Labelled nodes that the classifier learns from; of more, as many at random."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """What inference found, over the c classes that some label states.

    Attributes:
        seen: int64 (c,), these classes.
        beliefs: float32 (n, c), rows sum to 1.
        classifier: float32 (p + 1, c), coefficients on the features.
        factors: float32 (c,), what the pool's outcome was multiplied by to give each class its mass.
        transition: float64 (c, c), the probability that a given label states column's class where row's is
            true; None when no given label counts.
    """

    seen: Ints
    beliefs: Float32
    classifier: Float32
    factors: Float32
    transition: Float64 | None


def infer(
    adj: Adjacency, features: Float32, sample: npt.NDArray[np.integer], statements: Statements
) -> Pooled:
    """Return what the labels make every node believe.

    Label spreading gives first beliefs. From them and the labels a linear classifier learns; the
    classifier, the neighbours and the given labels of each node are pooled; and from the pooled beliefs
    both are done once more. Beliefs are always brought to the class masses that the labels suggest
    (`class_prior`). Given labels weigh as much as the beliefs find them reliable (`transition`), verified
    ones are clamped.

    O((14 + 12) nnz C + n p C), and the classifier's O(s p² + 40 s p C) on s ≤ 8,192 + `sample` rows.

    Args:
        adj: the symmetrised graph, of n rows.
        features: float32 (n, p), a mean square norm about 1.
        sample: (s,), distinct nodes that stand for all: from their beliefs the masses are taken and the
            classifier learns.
        statements: at least one label.
    """
    evidence = _Evidence(adj, features, sample, statements)
    scores = evidence.spread()
    balance = evidence.balance(scores, statements.seeds)
    for turn in range(_ROUNDS):
        classifier = evidence.learn(scores, balance)
        channel = evidence.channel(scores, balance, classifier if turn == 0 else None)
        del scores  # makes room for those of the pool
        scores = evidence.pool(classifier, channel)
        balance = evidence.balance(scores, scores[statements.labelled])
    beliefs = evidence.beliefs(scores, balance)
    return Pooled(statements.seen, beliefs, classifier, balance.factors, channel)


@dataclass(frozen=True, eq=False)
class _Balance:
    """What makes beliefs of scores: the factors of the classes, and the belief where all scores are 0."""

    factors: Float32
    otherwise: Float32


class _Evidence:
    """The parts that inference goes through, on one set of labels. Scores are (n, c), not negative."""

    def __init__(
        self, adj: Adjacency, features: Float32, sample: npt.NDArray[np.integer], labels: Statements
    ) -> None:
        self._adj = adj
        self._features = features
        self._labels = labels
        self._fixed = np.zeros(len(adj), np.bool_)
        self._fixed[labels.labelled[labels.clamped]] = True
        self._open = sample[~self._fixed[sample]]
        given = labels.counting & ~labels.verified
        self._given_nodes = labels.nodes[given].astype(np.int64)
        self._given_columns = labels.columns[given].astype(np.int64)
        known = np.zeros(len(adj), np.bool_)
        known[labels.labelled] = True
        teachers = labels.labelled[labels.drawn(_MOST_LABELLED)]
        others = sample[~known[sample]]
        self._rows = np.concatenate([teachers, others])
        soft = _SOFT_LABELS / max(len(others), 1)
        weights = np.repeat(np.array([1, soft], np.float32), [len(teachers), len(others)])
        self._lesson = Lesson(features, weights, rows=self._rows)

    def spread(self) -> Float32:
        """The scores that the labels spread."""
        return spread(self._adj, self._labels.seeds, self._labels.labelled)

    def balance(self, scores: Float32, labelled: Float32) -> _Balance:
        """What gives the classes the masses that the labelled nodes' rows suggest."""
        # Classes that nobody states belong to the evidence on how unequal the classes are.
        counts = np.zeros(self._labels.class_count)
        counts[: labelled.shape[1]] = labelled.sum(axis=0, dtype=np.float64)
        prior = class_prior(counts)[: labelled.shape[1]]
        prior /= prior.sum()
        factors = np.maximum(mass_factors(scores[self._open], prior), _LEAST_FACTOR)
        factors **= len(self._open) / (len(self._open) + _FEW_OPEN)
        return _Balance(factors.astype(np.float32), prior.astype(np.float32))

    def beliefs(
        self, scores: Float32, balance: _Balance, nodes: npt.NDArray[np.integer] | None = None
    ) -> Float32:
        """What the nodes (all if not named) believe; clamped ones believe their labels."""
        nodes = np.arange(len(scores)) if nodes is None else nodes.astype(np.int64)
        rows = np.empty((len(nodes), scores.shape[1]), np.float32)
        balanced(scores, nodes, balance.factors, balance.otherwise, rows)
        fixed = np.flatnonzero(self._fixed[nodes])
        rows[fixed] = self._labels.seeds[np.searchsorted(self._labels.labelled, nodes[fixed])]
        return rows

    def learn(self, scores: Float32, balance: _Balance) -> Float32:
        """The classifier of what is believed now."""
        return self._lesson.learn(self.beliefs(scores, balance, self._rows))

    def channel(self, scores: Float32, balance: _Balance, classifier: Float32 | None) -> Float64 | None:
        """The transition matrix of the given labels under what is believed (times the posterior)."""
        if not len(self._given_nodes):
            return None
        rows = self.beliefs(scores, balance, self._given_nodes)
        if classifier is not None:
            rows *= np.exp(log_posterior(self._features[self._given_nodes], classifier))
        # What contradicts itself may leave a row without a score.
        rows += np.finfo(np.float32).tiny
        rows /= rows.sum(axis=1, keepdims=True)
        return transition(rows, self._given_columns)

    def pool(self, classifier: Float32, channel: Float64 | None) -> Float32:
        """The pooled beliefs."""
        own = logits(self._features, CLASSIFIER_SHARE * classifier)
        if channel is not None:
            by_column = np.ascontiguousarray(np.log(channel.T), np.float32)
            add_rows_at(own, self._given_nodes, by_column, self._given_columns)
        labels = self._labels
        return pool(self._adj, own, labels.labelled[labels.clamped], labels.seeds[labels.clamped])
