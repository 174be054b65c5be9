"""What the graph service's methods take and return."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar, overload

import numpy as np
import numpy.typing as npt

from vicinal_client._lease_types import Lease

__all__ = [
    "Accuracy",
    "Beliefs",
    "Classification",
    "Evidence",
    "Interval",
    "Label",
    "LabelKey",
    "Method",
    "Propagation",
    "Ranked",
    "Reason",
    "Strategy",
    "Suggestion",
    "Suggestions",
    "Trust",
]

Item = TypeVar("Item")


class Trust(Enum):
    """How far a label is to be believed."""

    VERIFIED = "verified"
    """A person looked at this sample: the label is clamped during propagation."""
    GIVEN = "given"
    """The label came with the data and may be wrong: its neighbours may overrule it."""


class Method(Enum):
    """How labels become beliefs."""

    PAPER = "paper"
    """The paper's equations as printed: the directed neighbour graph."""
    SYMMETRIZED = "symmetrized"
    """The same equations on max(W, Wᵀ)."""
    POOLED = "pooled"
    """Label spreading, a linear classifier and the labels' own reliability, pooled: the default."""


class Strategy(Enum):
    """How the next samples to label are chosen."""

    RANDOM = "random"
    """Uniformly at random: the control."""
    MARGIN = "margin"
    """Smallest lead of the first class over the second; unreached samples first."""
    ENTROPY = "entropy"
    """Largest entropy of the belief; unreached samples first."""
    COVERAGE = "coverage"
    """Where most random-walk mass gathers that no labelled sample covers yet."""
    AUTO = "auto"
    """Coverage, and once there are some labels, of what is in doubt alone: the service's default."""
    AUDIT = "audit"
    """The next samples of the audit, in an order that is random and the same for every caller."""


class Reason(Enum):
    """Why a sample is suggested."""

    RANDOM = "random"
    """Drawn at random, as the control."""
    UNCERTAIN = "uncertain"
    """Its belief is divided: `class_index` against `rival_class_index`."""
    COVERAGE = "coverage"
    """No labelled sample stands for it and its like; `represents` says how many."""
    AUDIT = "audit"
    """Next in the audit."""


@dataclass(frozen=True)
class Label:
    """One annotator's statement about one sample.

    Attributes:
        sample_id: the sample.
        class_name: one of the dataset's classes.
        annotator: who says so; may be empty for a single user.
        trust: how far to believe it.
    """

    sample_id: str
    class_name: str
    annotator: str = ""
    trust: Trust = Trust.VERIFIED


@dataclass(frozen=True)
class LabelKey:
    """Names one label: there is at most one a sample and annotator.

    Attributes:
        sample_id: the sample.
        annotator: who labelled it.
    """

    sample_id: str
    annotator: str = ""


@dataclass(frozen=True, eq=False)
class Propagation:
    """What spreading the labels came to.

    Attributes:
        revision: the revision it belongs to.
        labelled_count: samples that hold a verified label, or whose exact duplicate does.
        reached_count: samples that a label reached, the labelled ones included; with `Method.POOLED` all.
        unreached_count: samples that no label reached.
        seconds: time the propagation took in the service; 0 when its result was at hand.
        classes: int32 (samples,), class index in the order of `export_beliefs`, −1 when unreached; None
            unless asked for.
        confidences: float32 (samples,), belief in that class, 0 to 1; None unless asked for.
    """

    revision: int
    labelled_count: int
    reached_count: int
    unreached_count: int
    seconds: float
    classes: npt.NDArray[np.int32] | None
    confidences: npt.NDArray[np.float32] | None


@dataclass(frozen=True)
class Evidence:
    """One sample that speaks for a flag, or is near a suggestion.

    Attributes:
        sample_id: the sample.
        weight: its share of the vote about the flagged sample, 0 to 1; of suggestions an even share.
        class_name: the class it is believed to have, or, of a contradiction, that its label names; may be
            empty.
        similarity: cosine similarity to the flagged or suggested sample, −1 to 1.
    """

    sample_id: str
    weight: float
    class_name: str
    similarity: float


@dataclass(frozen=True)
class Suggestion:
    """One sample worth labelling.

    Attributes:
        sample_id: the sample.
        score: what the strategy maximised, 0 to 1; comparable within one answer only.
        class_index: class it is believed to have, −1 when unreached.
        confidence: belief in that class, 0 to 1.
        reason: why it was chosen.
        represents: samples it stands for, itself included; an estimate.
        rival_class_index: class of the second greatest belief, −1 when there is none.
        evidence: the samples nearest to it, nearest first; empty unless asked for.
    """

    sample_id: str
    score: float
    class_index: int
    confidence: float
    reason: Reason
    represents: int
    rival_class_index: int
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval, each 0 to 1.

    Attributes:
        estimate: the estimate.
        lower: lower end.
        upper: upper end.
    """

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Accuracy:
    """How many beliefs are right, as the audit has it.

    Attributes:
        revision: the revision it belongs to.
        audited_count: samples of the audit that hold a verified label.
        right_count: those whose belief, made without their own label, is right.
        accuracy: share of samples without a verified label whose belief is right; None before the first
            audited sample.
        target_reached: whether the lower end has reached the target: labelling may stop.
        audits_needed: audited samples it will take besides until it has, if the share stays as it is (before
            the first: if all are right); None when it would not.
    """

    revision: int
    audited_count: int
    right_count: int
    accuracy: Interval | None
    target_reached: bool
    audits_needed: int | None


@dataclass(frozen=True)
class Ranked(Sequence[Item]):
    """Items in order of rank, made from one revision: a sequence.

    Attributes:
        revision: the revision they were made from.
        items: best first.
    """

    revision: int
    items: tuple[Item, ...]

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)


@dataclass(frozen=True)
class Suggestions(Ranked[Suggestion]):
    """A sequence of `Suggestion`, best first, with the `revision` it was made from.

    Attributes:
        lease: the lease of these samples, if one was asked for and there were any.
    """

    lease: Lease | None = None


@dataclass(frozen=True, eq=False)
class Classification:
    """Classes of vectors that are not in the graph.

    Attributes:
        revision: the oldest revision that a part of the vote was taken on; one request has one revision.
        classes: int32 (n,), class index, −1 when no voter has a belief.
        confidences: float32 (n,), belief in that class, 0 to 1.
        beliefs: float32 (n, classes), rows sum to 1, or to 0 when unreached; None unless asked for.
    """

    revision: int
    classes: npt.NDArray[np.int32]
    confidences: npt.NDArray[np.float32]
    beliefs: npt.NDArray[np.float32] | None


@dataclass(frozen=True, eq=False)
class Beliefs:
    """Beliefs of samples, in order of arrival, all of one revision.

    Attributes:
        revision: the revision they belong to.
        sample_ids: the n samples.
        classes: int32 (n,), class index, −1 when unreached.
        confidences: float32 (n,), belief in that class, 0 to 1.
        beliefs: float32 (n, classes), rows sum to 1, or to 0 when unreached; None unless asked for.
        total_count: samples there are in all; more than n when this is one page of several.
    """

    revision: int
    sample_ids: tuple[str, ...]
    classes: npt.NDArray[np.int32]
    confidences: npt.NDArray[np.float32]
    beliefs: npt.NDArray[np.float32] | None
    total_count: int
