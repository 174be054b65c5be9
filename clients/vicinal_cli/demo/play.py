"""An annotator who labels what is suggested and always knows the truth, and how right the rest then is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vicinal_client import GraphClient, Strategy

__all__ = ["STAGES", "Point", "class_accuracies", "play", "stages_for"]

STAGES = (10, 20, 50, 100)
"""Numbers of labels at which the accuracy is told."""

_ROUND = 10
"""Most samples suggested at a time; the next are suggested in the light of their labels."""


@dataclass(frozen=True)
class Point:
    """What a number of labels came to.

    Attributes:
        labels: how many samples the annotator labelled.
        accuracy: share of the other samples whose class is right, 0 to 1; unreached ones are wrong.
        labelled: those samples, in the order they were suggested.
    """

    labels: int
    accuracy: float
    labelled: Sequence[str]


def stages_for(count: int) -> tuple[int, ...]:
    """Return the stages that leave some of `count` samples unlabelled."""
    return tuple(stage for stage in STAGES if stage < count)


def play(
    client: GraphClient, dataset: str, truth: Mapping[str, str], strategy: Strategy | None, seed: int
) -> Iterator[Point]:
    """Label the suggested samples with the truth; yield a point after every round, the stages included.

    Args:
        client: of the graph service.
        dataset: one without labels.
        truth: sample id → class, for every sample.
        strategy: how to choose; None takes the service's default.
        seed: of the choice.
    """
    labelled: list[str] = []
    for stage in stages_for(len(truth)):
        while len(labelled) < stage:
            count = min(_ROUND, stage - len(labelled))
            suggested = client.suggest(dataset, count, strategy=strategy, seed=seed + len(labelled))
            if not suggested:
                return  # every sample is labelled, or is a duplicate of one that is
            ids = [one.sample_id for one in suggested]
            client.add_labels(dataset, {name: truth[name] for name in ids})
            labelled += ids
            yield Point(len(labelled), _accuracy(client, dataset, truth, labelled), tuple(labelled))


def class_accuracies(
    client: GraphClient, dataset: str, truth: Mapping[str, str], labelled: Sequence[str]
) -> dict[str, float]:
    """Return for each class the share of its samples not `labelled` whose class is right."""
    right: dict[str, list[bool]] = {}
    for name, is_right in _verdicts(client, dataset, truth, labelled).items():
        right.setdefault(truth[name], []).append(is_right)
    return {name: float(np.mean(right[name])) for name in sorted(right)}


def _accuracy(client: GraphClient, dataset: str, truth: Mapping[str, str], labelled: Sequence[str]) -> float:
    return float(np.mean(list(_verdicts(client, dataset, truth, labelled).values())))


def _verdicts(
    client: GraphClient, dataset: str, truth: Mapping[str, str], labelled: Sequence[str]
) -> dict[str, bool]:
    """Return for each sample that is not `labelled` whether its class is right."""
    classes = client.get_dataset(dataset).classes
    found = client.export_beliefs(dataset)
    known = set(labelled)
    return {
        name: index >= 0 and classes[index] == truth[name]
        for name, index in zip(found.sample_ids, found.classes.tolist(), strict=True)
        if name not in known
    }
