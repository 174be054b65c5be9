"""Wrong labels planted on purpose, and how well the flags find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from vicinal_client import Flag, GraphClient, Trust

__all__ = ["RATE", "Hunt", "average_precision", "hunt", "planted"]

RATE = 0.10
"""Share of the labels that are made wrong."""


@dataclass(frozen=True)
class Hunt:
    """What the flags found.

    Attributes:
        labels: every label that was stated, sample id → class.
        wrong: the samples whose label was made wrong.
        flags: at the default threshold, most suspicious first.
        average_precision: of all labels ranked by suspicion, 0 to 1; chance is the share of wrong ones.
    """

    labels: Mapping[str, str]
    wrong: Set[str]
    flags: Sequence[Flag]
    average_precision: float

    @property
    def hits(self) -> int:
        """Flags on wrong labels."""
        return sum(flag.label.sample_id in self.wrong for flag in self.flags)

    @property
    def precision(self) -> float:
        """Share of the flags that are on wrong labels, 0 to 1."""
        return self.hits / len(self.flags) if self.flags else 0.0

    @property
    def recall(self) -> float:
        """Share of the wrong labels that are flagged, 0 to 1."""
        return self.hits / len(self.wrong)


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
    flags = client.flag_errors(dataset)
    order = [flag.label.sample_id for flag in ranked]
    return Hunt(labels, wrong, tuple(flags), average_precision(order, wrong))


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
