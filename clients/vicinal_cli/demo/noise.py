"""Wrong labels planted on purpose, and how well the flags find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from vicinal_client import Flag, GraphClient, Trust

__all__ = ["RATE", "THRESHOLDS", "Catch", "Hunt", "average_precision", "hunt", "planted"]

RATE = 0.10
"""Share of the labels that are made wrong."""

THRESHOLDS = (0.5, 0.7, 0.9)
"""Suspicions (probabilities of being wrong) from which on the flags are counted."""


@dataclass(frozen=True)
class Catch:
    """The labels that are at least so suspicious.

    Attributes:
        suspicion: the threshold, 0 to 1.
        flagged: how many labels that is.
        hits: how many of them were made wrong.
        precision: share of the flagged labels that were made wrong, 0 to 1.
        recall: share of the labels made wrong that are flagged, 0 to 1.
    """

    suspicion: float
    flagged: int
    hits: int
    precision: float
    recall: float


@dataclass(frozen=True)
class Hunt:
    """What the flags found.

    Attributes:
        labels: every label that was stated, sample id → class.
        wrong: the samples whose label was made wrong, at least one.
        ranking: samples with the suspicion of their label, most suspicious first; those that nothing speaks
            against are left out.
        flags: where the service ends them by default, most suspicious first.
    """

    labels: Mapping[str, str]
    wrong: Set[str]
    ranking: Sequence[tuple[str, float]]
    flags: Sequence[Flag]

    def at(self, suspicion: float) -> Catch:
        """Return what is flagged at that threshold."""
        return self._caught(suspicion, [name for name, found in self.ranking if found >= suspicion])

    @property
    def by_default(self) -> Catch:
        """What is flagged by default; its suspicion is the least of these flags, 1 without any."""
        least = min((flag.suspicion for flag in self.flags), default=1.0)
        return self._caught(least, [flag.label.sample_id for flag in self.flags])

    def _caught(self, suspicion: float, flagged: Sequence[str]) -> Catch:
        hits = sum(name in self.wrong for name in flagged)
        precision = hits / len(flagged) if flagged else 0.0
        return Catch(suspicion, len(flagged), hits, precision, hits / len(self.wrong))

    @property
    def average_precision(self) -> float:
        """Of the ranking, 0 to 1; a random one would have the share of wrong labels."""
        return average_precision([name for name, _ in self.ranking], self.wrong)


def planted(
    truth: Mapping[str, str], classes: Sequence[str], rate: float, seed: int
) -> tuple[dict[str, str], set[str]]:
    """Return labels of which a share is wrong, and the samples that have those: symmetric noise.

    Args:
        truth: sample id → class.
        classes: at least two.
        rate: share of the samples that get another class, each other class being equally likely; at least
            one does.
        seed: of the choice.
    """
    random = np.random.default_rng(seed)
    ids = sorted(truth)
    wrong = {ids[i] for i in random.choice(len(ids), max(1, round(rate * len(ids))), replace=False)}
    labels = dict(truth)
    for name in sorted(wrong):
        others = [other for other in classes if other != truth[name]]
        labels[name] = others[random.integers(len(others))]
    return labels, wrong


def hunt(client: GraphClient, dataset: str, truth: Mapping[str, str], seed: int) -> Hunt:
    """State a label for every sample, a share of them wrong, all `Trust.GIVEN`, and see what is flagged.

    Args:
        client: of the graph service.
        dataset: one without labels.
        truth: sample id → class, for every sample.
        seed: of the choice of wrong labels.
    """
    labels, wrong = planted(truth, client.get_dataset(dataset).classes, RATE, seed)
    client.add_labels(dataset, labels, trust=Trust.GIVEN)
    ranked = client.flag_errors(dataset, min_suspicion=0.0, evidence=0)
    ranking = [(flag.label.sample_id, flag.suspicion) for flag in ranked]
    return Hunt(labels, wrong, ranking, tuple(client.flag_errors(dataset)))


def average_precision(order: Sequence[str], wrong: Set[str]) -> float:
    """Return the mean, over the wrong samples, of the precision at the rank where each is found.

    One that is not in `order` counts 0. Manning, Raghavan and Schütze, "Introduction to Information
    Retrieval", 2008, section 8.4.

    Args:
        order: samples, most suspicious first.
        wrong: at least one sample.
    """
    hits = np.array([name in wrong for name in order])
    ranks = np.flatnonzero(hits) + 1
    return float(np.sum(np.arange(1, len(ranks) + 1) / ranks) / len(wrong))
