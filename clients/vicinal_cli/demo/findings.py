"""All that a demo found out, as the report tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vicinal_cli.demo.noise import Hunt
from vicinal_cli.demo.play import Point

__all__ = ["Findings", "Spread", "spread_of"]


@dataclass(frozen=True)
class Spread:
    """Several plays at one number of labels.

    Attributes:
        labels: how many samples were labelled.
        mean: of the accuracies.
        low: the least of them.
        high: the greatest of them.
    """

    labels: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Findings:
    """What a demo found out.

    Attributes:
        pictures: sample id → its image file.
        truth: sample id → its class.
        classes: names, in order.
        suggested: the play with the service's suggestions.
        random: the control, several plays with random suggestions.
        draws: how many those were.
        class_accuracy: class → accuracy on its unlabelled samples after the last round of `suggested`.
        hunt: the planted wrong labels and the flags.
        facts: what was run where: names and values.
        timings: what took how many seconds.
        command: what made this.
    """

    pictures: Mapping[str, Path]
    truth: Mapping[str, str]
    classes: Sequence[str]
    suggested: Sequence[Point]
    random: Sequence[Spread]
    draws: int
    class_accuracy: Mapping[str, float]
    hunt: Hunt
    facts: Sequence[tuple[str, str]]
    timings: Sequence[tuple[str, float]]
    command: str


def spread_of(plays: Sequence[Sequence[Point]]) -> list[Spread]:
    """Return the spread at each number of labels that every play reached."""
    found = []
    for points in zip(*plays, strict=False):
        accuracies = [point.accuracy for point in points]
        mean = sum(accuracies) / len(accuracies)
        found.append(Spread(points[0].labels, mean, min(accuracies), max(accuracies)))
    return found
