"""What can happen to a dataset. The log is a sequence of these; all else is derived from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

__all__ = [
    "DatasetCreated",
    "DatasetUpdated",
    "EncoderChanged",
    "Event",
    "LabelsAdded",
    "LabelsRemoved",
    "LeaseEvent",
    "LeaseReleased",
    "LeaseRenewed",
    "Method",
    "Propagation",
    "SamplesAdded",
    "SamplesLeased",
    "SamplesRemoved",
    "Trust",
    "VectorsDiscarded",
    "VectorsStaged",
    "as_asked",
]


class Trust(IntEnum):
    """How far a label is to be believed."""

    VERIFIED = 1
    """A person looked: clamped during propagation (the paper's set l)."""
    GIVEN = 2
    """Came with the data and may be wrong: the initial Y of the paper's set u."""


class Method(IntEnum):
    """How labels become beliefs."""

    PAPER = 1
    """The directed neighbour graph, as printed."""
    SYMMETRIZED = 2
    """The same equations on max(W, Wᵀ)."""
    POOLED = 3
    """Label spreading on max(W, Wᵀ), a linear classifier and the labels' own reliability, pooled."""


@dataclass(frozen=True)
class Propagation:
    """How labels spread (the paper's equations 2 and 3).

    Attributes:
        method: docs/results.md compares them.
        temperature: T of eq. 2; 0 leaves it to the method: the paper's 0.01 for PAPER, else what fits the
            spread of the cosines.
        steps: t of eq. 3; POOLED has its own.
    """

    method: Method = Method.POOLED
    temperature: float = 0.0
    steps: int = 20


@dataclass(frozen=True)
class DatasetCreated:
    """The first event of every log."""

    name: str
    dimension: int
    encoder_digest: str
    classes: tuple[str, ...]
    neighbours: int
    propagation: Propagation


@dataclass(frozen=True)
class DatasetUpdated:
    """Propagation settings that change (None: stays as it is), and classes put after the present ones.

    It says only what the caller said, so that a repeated request makes the same event.
    """

    method: Method | None
    temperature: float | None
    steps: int | None
    new_classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SamplesAdded:
    """Samples that are new, or that get a new vector and content hash (their labels stay).

    Attributes:
        ids: distinct sample ids, n of them.
        vectors: float16 (n, dimension), rows of unit length up to rounding.
        content_hashes: n SHA-256 digests of 32 bytes, each possibly empty.
    """

    ids: tuple[str, ...]
    vectors: npt.NDArray[np.float16]
    content_hashes: tuple[bytes, ...]


@dataclass(frozen=True)
class SamplesRemoved:
    """Samples that leave, their labels with them."""

    ids: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class VectorsStaged:
    """Vectors of another encoder for samples that exist; they wait for EncoderChanged.

    Attributes:
        encoder_digest: the encoder that made them.
        ids: distinct sample ids, n of them.
        vectors: float16 (n, their dimension), rows of unit length up to rounding.
        content_hashes: n SHA-256 digests of 32 bytes, each possibly empty.
    """

    encoder_digest: str
    ids: tuple[str, ...]
    vectors: npt.NDArray[np.float16]
    content_hashes: tuple[bytes, ...]


@dataclass(frozen=True)
class VectorsDiscarded:
    """The staged vectors of this encoder are forgotten."""

    encoder_digest: str


@dataclass(frozen=True)
class EncoderChanged:
    """The staged vectors of this encoder, one for every sample, take the place of the vectors so far."""

    encoder_digest: str


@dataclass(frozen=True)
class LabelsAdded:
    """Labels stated; each replaces the one of the same annotator on the same sample.

    The four columns have one length; `classes` are class indices.
    """

    sample_ids: tuple[str, ...]
    annotators: tuple[str, ...]
    classes: tuple[int, ...]
    trusts: tuple[Trust, ...]


@dataclass(frozen=True)
class LabelsRemoved:
    """Labels taken back; the two columns have one length."""

    sample_ids: tuple[str, ...]
    annotators: tuple[str, ...]


@dataclass(frozen=True)
class SamplesLeased:
    """Samples handed to one annotator; nobody else is handed them while the lease lives.

    Times are the service's when it wrote the event, in milliseconds since 1970, so that every replay finds
    the same.

    Attributes:
        lease_id: the request id of the write.
        annotator: for whom.
        sample_ids: distinct sample ids, in the order in which they were suggested.
        at: when.
        time_to_live: milliseconds.
    """

    lease_id: str
    annotator: str
    sample_ids: tuple[str, ...]
    at: int
    time_to_live: int


@dataclass(frozen=True)
class LeaseRenewed:
    """A lease lives for so many milliseconds from `at` on; see `SamplesLeased`."""

    lease_id: str
    at: int
    time_to_live: int


@dataclass(frozen=True)
class LeaseReleased:
    """What a lease holds of these samples is given back, without any named all of it; see `SamplesLeased`."""

    lease_id: str
    sample_ids: tuple[str, ...]
    at: int


LeaseEvent = SamplesLeased | LeaseRenewed | LeaseReleased
"""These change no sample and no label."""

Event = (
    DatasetCreated
    | DatasetUpdated
    | SamplesAdded
    | SamplesRemoved
    | VectorsStaged
    | VectorsDiscarded
    | EncoderChanged
    | LabelsAdded
    | LabelsRemoved
    | LeaseEvent
)


def as_asked(event: Event) -> Event:
    """Return the event as every repetition of its request makes it.

    That is itself, but for leases without the time and without the samples that the service chose.
    """
    match event:
        case SamplesLeased():
            return replace(event, sample_ids=(), at=0)
        case LeaseRenewed() | LeaseReleased():
            return replace(event, at=0)
    return event
