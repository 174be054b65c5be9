"""Pooled inference: from labels to a belief for every node. docs/method.md says why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.linear.classifier import fit, log_posterior
from graph_service.pooling.pool import CLASSIFIER_SHARE, pool
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
_PENALTY = 0.1
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
        transition: float64 (c, c), the probability that a given label states column's class where row's is
            true; None when no given label counts.
    """

    seen: Ints
    beliefs: Float32
    classifier: Float32
    transition: Float64 | None


def infer(
    adj: Adjacency, features: Float32, sample: npt.NDArray[np.integer], statements: Statements
) -> Pooled:
    """Return what the labels make every node believe.

    Label spreading with class-mass normalisation gives first beliefs. From them and the labels a linear
    classifier learns; the classifier, the neighbours and the given labels of each node are pooled; and
    from the pooled beliefs both are done once more. Given labels weigh as much as the beliefs find them
    reliable (`transition`), verified ones are clamped.

    O((30 + 12) nnz C + n p C) and the classifier's O(s p²), on s ≤ 8,192 + `sample` rows.

    Args:
        adj: the symmetrised graph, of n rows.
        features: float32 (n, p), a mean square norm about 1.
        sample: (s,), distinct nodes that stand for all: from their beliefs the masses are taken and the
            classifier learns.
        statements: at least one label.
    """
    evidence = _Evidence(adj, features, sample, statements)
    first = beliefs = evidence.spread()
    for turn in range(_ROUNDS):
        classifier = evidence.learn(beliefs)
        posterior = log_posterior(features, classifier)
        channel = evidence.channel(first * np.exp(posterior) if turn == 0 else beliefs)
        beliefs = evidence.pool(posterior, channel)
    return Pooled(statements.seen, beliefs, classifier, channel)


class _Evidence:
    """The parts that inference goes through, on one set of labels."""

    def __init__(
        self, adj: Adjacency, features: Float32, sample: npt.NDArray[np.integer], labels: Statements
    ) -> None:
        self._adj = adj
        self._features = features
        self._labels = labels
        self._sample = sample
        self._clamped = labels.labelled[labels.clamped]
        self._clamped_rows = labels.seeds[labels.clamped]
        given = labels.counting & ~labels.verified
        self._given_nodes, self._given_columns = labels.nodes[given], labels.columns[given]
        known = np.zeros(len(adj), np.bool_)
        known[labels.labelled] = True
        teachers = labels.labelled
        if len(teachers) > _MOST_LABELLED:
            teachers = np.random.default_rng(0).choice(teachers, _MOST_LABELLED, replace=False)
        others = sample[~known[sample]]
        self._rows = np.concatenate([teachers, others])
        soft = _SOFT_LABELS / max(len(others), 1)
        self._weights = np.repeat(np.array([1, soft], np.float32), [len(teachers), len(others)])

    def spread(self) -> Float32:
        """The first beliefs: label spreading, the masses of the classes put right."""
        labels = self._labels
        prior = class_prior(labels.seeds.sum(axis=0, dtype=np.float64))
        beliefs = spread(self._adj, labels.seeds, labels.labelled)
        beliefs *= mass_factors(beliefs[self._sample], prior).astype(np.float32)
        sums = beliefs.sum(axis=1, keepdims=True)
        np.divide(beliefs, sums, out=beliefs, where=sums > 0)
        beliefs[sums[:, 0] <= 0] = prior
        beliefs[self._clamped] = self._clamped_rows
        return beliefs

    def learn(self, beliefs: Float32) -> Float32:
        """The classifier of what is believed now."""
        return fit(self._features[self._rows], beliefs[self._rows], self._weights, _PENALTY)

    def channel(self, scores: Float32) -> Float64 | None:
        """The transition matrix of the given labels under beliefs proportional to `scores`."""
        if not len(self._given_nodes):
            return None
        rows = scores[self._given_nodes]
        return transition(rows / rows.sum(axis=1, keepdims=True), self._given_columns)

    def pool(self, posterior: Float32, channel: Float64 | None) -> Float32:
        """The pooled beliefs."""
        own = CLASSIFIER_SHARE * posterior
        if channel is not None:
            np.add.at(own, self._given_nodes, np.log(channel.T, dtype=np.float32)[self._given_columns])
        return pool(self._adj, own, self._clamped, self._clamped_rows)
