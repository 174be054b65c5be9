"""What the command tells its workers, and what they answer. Everything here travels between processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "CLICK",
    "INGEST",
    "READS",
    "STEPS",
    "Echo",
    "Failure",
    "Job",
    "Load",
    "Progress",
    "Ready",
    "Subject",
]

CLICK = "click"
"""The operation of an annotator: the calls of `STEPS`, one after the other."""
STEPS = ("AddLabels", "Propagate", "SuggestSamples")
INGEST = "AddSamples"
READS = ("ExportBeliefs", "FlagErrors", "Classify", "SuggestSamples alone")
"""Calls that name no least revision."""


@dataclass(frozen=True)
class Subject:
    """What is loaded.

    Attributes:
        address: HOST:PORT of the graph service.
        dataset: its name.
        classes: of the dataset.
        dimension: of its vectors.
        encoder_digest: of its vectors; empty when it is bound to no encoder.
        samples: how many it holds before the load.
        ids: of samples that annotators label when nothing is suggested, one at least.
        seed: of the samples, if they are made up.
    """

    address: str
    dataset: str
    classes: tuple[str, ...]
    dimension: int
    encoder_digest: str
    samples: int
    ids: Sequence[str]
    seed: int


@dataclass(frozen=True)
class Job:
    """What one worker is for.

    Attributes:
        subject: what it loads.
        worker: its number, from 0.
        workers: how many there are.
        annotators: the numbers of its annotators.
        labels: stated with one click.
        ingest: samples of one AddSamples.
        timeout: seconds after which a call counts as failed.
        most: operations that may be under way at one time; what is to begin beyond it is dropped.
    """

    subject: Subject
    worker: int
    workers: int
    annotators: Sequence[int]
    labels: int
    ingest: int
    timeout: float
    most: int


@dataclass(frozen=True)
class Echo:
    """Call the health service so often, one call after the other; answered with a `Histogram`."""

    count: int


@dataclass(frozen=True)
class Load:
    """Load the service; answered with a `Tally`.

    Attributes:
        seconds: how long.
        rates: operation → mean number a second, of all workers together; reads first, so that their times
            are the same with other operations beside them (see `arrivals.plan`).
        seed: of the times.
        closed: every annotator clicks as soon as the click before is answered; `rates` has no clicks.
        split: reads while no propagation of this worker is under way go to a row of their own.
        start: when, on the clock that all processes of a machine share (`time.monotonic`).
    """

    seconds: float
    rates: Mapping[str, float]
    seed: int
    closed: bool = False
    split: bool = False
    start: float = 0.0


@dataclass(frozen=True)
class Ready:
    """A worker is connected."""


@dataclass(frozen=True)
class Progress:
    """How far a worker is with a load.

    Attributes:
        done: operations answered.
        errors: operations failed.
    """

    done: int
    errors: int


@dataclass(frozen=True)
class Failure:
    """A worker cannot go on.

    Attributes:
        message: why.
    """

    message: str
