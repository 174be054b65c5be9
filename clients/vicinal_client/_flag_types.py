"""What flags and the estimate of the labels' noise return."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from vicinal_client._graph_types import Evidence, Interval, Label, Ranked

__all__ = ["AnnotatorNoise", "Flag", "FlagKind", "Flags", "Noise"]


class FlagKind(Enum):
    """What flags are about."""

    WRONG_LABEL = "wrong_label"
    """Labels that are probably wrong."""
    CONTRADICTION = "contradiction"
    """Labels of exact or near duplicates that name different classes."""
    NEAR_DUPLICATE = "near_duplicate"
    """Samples that all but repeat an earlier one."""
    OUTLIER = "outlier"
    """Samples far from all others."""


@dataclass(frozen=True)
class Flag:
    """One label or sample that looks wrong.

    Attributes:
        label: the suspected label. For near duplicates and outliers, which concern no label, `class_name` is
            empty where the sample has none, and the annotator and trust say nothing.
        suspicion: 0 to 1. Wrong labels and contradictions: the estimated probability that the label is
            wrong. Near duplicates: the cosine. Outliers: the share of samples that are less far from their
            neighbours.
        suggested_class: the class that the evidence supports most; empty for near duplicates and outliers.
        evidence: for wrong labels the nearest samples that speak against the label, heaviest first; for
            contradictions and near duplicates the other samples, for outliers the neighbours, nearest first.
    """

    label: Label
    suspicion: float
    suggested_class: str
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class AnnotatorNoise:
    """How often an annotator is wrong.

    Attributes:
        annotator: the annotator; may be empty.
        label_count: labels of the annotator.
        noise_rate: estimated share of them that is wrong.
    """

    annotator: str
    label_count: int
    noise_rate: Interval


@dataclass(frozen=True, eq=False)
class Noise:
    """How many labels are wrong.

    Attributes:
        revision: the revision it belongs to.
        noise_rate: estimated share of labels that are wrong.
        transition: float32 (classes, classes), the probability that a label states column's class when row's
            is true. Rows sum to 1, or to 0 where no sample is believed to have the class. None, like the two
            below, where the classes are too many for one message: as delivered, from 1,449 on.
        transition_lower: float32 (classes, classes), the lower end of each entry's interval.
        transition_upper: float32 (classes, classes), the upper end.
        annotators: one for each, those with most labels first.
    """

    revision: int
    noise_rate: Interval
    transition: npt.NDArray[np.float32] | None
    transition_lower: npt.NDArray[np.float32] | None
    transition_upper: npt.NDArray[np.float32] | None
    annotators: tuple[AnnotatorNoise, ...]


@dataclass(frozen=True)
class Flags(Ranked[Flag]):
    """A sequence of `Flag`, most suspicious first, with the `revision` it was made from.

    Attributes:
        total_count: flags there are in all; more than `len` when a limit was given.
    """

    total_count: int
