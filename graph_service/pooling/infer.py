"""Pooled inference: from labels to a belief for every node. docs/method.md says why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.linear.classifier import PENALTY, fit, log_posterior
from graph_service.pooling.pool import CLASSIFIER_SHARE, NEVER, pool
from graph_service.pooling.statements import Statements
from graph_service.pooling.transition import transition
from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.lanes import lane_rows
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

    O((30 + 12) nnz C + n p C) and the classifier's O(s p²), on s ≤ 8,192 + `sample` rows.

    Args:
        adj: the symmetrised graph, of n rows.
        features: float32 (n, p), a mean square norm about 1.
        sample: (s,), distinct nodes that stand for all: from their beliefs the masses are taken and the
            classifier learns.
        statements: at least one label.
    """
    evidence = _Evidence(adj, features, sample, statements)
    first = evidence.spread()
    beliefs, _ = evidence.balanced(first, evidence.stated)
    for turn in range(_ROUNDS):
        classifier = evidence.learn(beliefs)
        posterior = log_posterior(features, classifier)
        channel = evidence.channel(beliefs * np.exp(posterior) if turn == 0 else beliefs)
        pooled = evidence.pool(posterior, channel)
        beliefs, factors = evidence.balanced(pooled, pooled[statements.labelled])
    return Pooled(statements.seen, beliefs, classifier, factors, channel)


class _Evidence:
    """The parts that inference goes through, on one set of labels."""

    def __init__(
        self, adj: Adjacency, features: Float32, sample: npt.NDArray[np.integer], labels: Statements
    ) -> None:
        self._adj = adj
        self._features = features
        self._labels = labels
        fixed = np.zeros(len(adj), np.bool_)
        fixed[labels.labelled[labels.clamped]] = True
        self._open = sample[~fixed[sample]]
        self.stated = labels.seeds
        self._clamped = labels.labelled[labels.clamped]
        self._clamped_rows = labels.seeds[labels.clamped]
        given = labels.counting & ~labels.verified
        self._given_nodes, self._given_columns = labels.nodes[given], labels.columns[given]
        known = np.zeros(len(adj), np.bool_)
        known[labels.labelled] = True
        teachers = labels.labelled[labels.drawn(_MOST_LABELLED)]
        others = sample[~known[sample]]
        self._rows = np.concatenate([teachers, others])
        soft = _SOFT_LABELS / max(len(others), 1)
        self._weights = np.repeat(np.array([1, soft], np.float32), [len(teachers), len(others)])

    def spread(self) -> Float32:
        """The scores that the labels spread."""
        return spread(self._adj, self._labels.seeds, self._labels.labelled)

    def balanced(self, scores: Float32, labelled: Float32) -> tuple[Float32, Float32]:
        """Beliefs proportional to `scores` whose class masses are those of the labelled nodes' rows.

        Rows without scores get the masses; clamped rows stay. The factors of the classes come second.
        """
        # Classes that nobody states belong to the evidence on how unequal the classes are.
        counts = np.zeros(self._labels.class_count)
        counts[: labelled.shape[1]] = labelled.sum(axis=0, dtype=np.float64)
        prior = class_prior(counts)[: labelled.shape[1]]
        prior /= prior.sum()
        factors = np.maximum(mass_factors(scores[self._open], prior), _LEAST_FACTOR)
        factors **= len(self._open) / (len(self._open) + _FEW_OPEN)
        factors = factors.astype(np.float32)
        beliefs = scores * factors
        sums = beliefs.sum(axis=1, keepdims=True)
        np.divide(beliefs, sums, out=beliefs, where=sums > 0)
        beliefs[sums[:, 0] <= 0] = prior
        beliefs[self._clamped] = self._clamped_rows
        return beliefs, factors

    def learn(self, beliefs: Float32) -> Float32:
        """The classifier of what is believed now."""
        return fit(self._features[self._rows], beliefs[self._rows], self._weights, PENALTY)

    def channel(self, scores: Float32) -> Float64 | None:
        """The transition matrix of the given labels under beliefs proportional to `scores`."""
        if not len(self._given_nodes):
            return None
        # What contradicts itself may leave a row without a score.
        rows = scores[self._given_nodes] + np.finfo(np.float32).tiny
        return transition(rows / rows.sum(axis=1, keepdims=True), self._given_columns)

    def pool(self, posterior: Float32, channel: Float64 | None) -> Float32:
        """The pooled beliefs."""
        own = lane_rows(*posterior.shape)
        own[:, posterior.shape[1] :] = NEVER
        np.multiply(posterior, CLASSIFIER_SHARE, out=own[:, : posterior.shape[1]])
        if channel is not None:
            np.add.at(
                own[:, : posterior.shape[1]],
                self._given_nodes,
                np.log(channel.T, dtype=np.float32)[self._given_columns],
            )
        return pool(self._adj, own, self._clamped, self._clamped_rows)
