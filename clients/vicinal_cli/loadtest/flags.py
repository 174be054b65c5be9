"""The flags of `vicinal loadtest`."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.loadtest.orders import READS

__all__ = [
    "Annotators",
    "Batch",
    "Classes",
    "DataDir",
    "DatasetName",
    "Dimension",
    "DuringPropagation",
    "FindRate",
    "Ingest",
    "Keep",
    "Labelled",
    "Labels",
    "MaxP99",
    "MethodName",
    "MethodOf",
    "Most",
    "Neighbours",
    "Out",
    "Rate",
    "Read",
    "ReadName",
    "Reads",
    "Samples",
    "Seconds",
    "Seed",
    "Share",
    "TargetAddress",
    "Timeout",
    "Trial",
    "Workers",
]

_load = partial(typer.Option, rich_help_panel="The load")
_service = partial(typer.Option, rich_help_panel="The service")
_data = partial(typer.Option, rich_help_panel="A new dataset")


class MethodName(StrEnum):
    """How labels become beliefs; the words of `vicinal_client.Method`."""

    PAPER = "paper"
    SYMMETRIZED = "symmetrized"
    POOLED = "pooled"


class ReadName(StrEnum):
    """Calls that name no least revision."""

    EXPORT = "export"
    FLAG = "flag"
    CLASSIFY = "classify"
    SUGGEST = "suggest"

    @property
    def operation(self) -> str:
        """Return what it is called in `orders.READS`."""
        return READS[list(ReadName).index(self)]


Annotators = Annotated[
    int, _load("--annotators", "-n", min=0, help="How many people click; 0 for reads and ingest alone.")
]
Rate = Annotated[
    float | None,
    _load(
        min=0.001,
        metavar="CLICKS/S",
        help="Clicks a second of all annotators together, at times fixed in advance (an open loop). "
        "Default: each clicks as soon as the click before is answered (a closed loop).",
    ),
]
Seconds = Annotated[float, _load("--seconds", "-s", min=1, help="How long.")]
FindRate = Annotated[
    bool,
    _load(
        "--find-rate",
        help="Only find the highest sustained rate: raise it until p99, an error or a backlog forbids.",
    ),
]
Share = Annotated[
    float | None,
    _load(
        min=0.01,
        max=2,
        help="Find the highest sustained rate, then load with this share of it, e.g. 0.8.",
    ),
]
Reads = Annotated[
    float,
    _load(min=0, metavar="READS/S", help="Reads a second beside the clicks, always an open loop."),
]
Read = Annotated[list[ReadName] | None, _load(help="Which reads; may be repeated. Default: all four.")]
Ingest = Annotated[
    float,
    _load(min=0, metavar="CALLS/S", help="AddSamples a second beside the clicks, always an open loop."),
]
Batch = Annotated[int, _load(min=1, max=1_000, help="Samples of one AddSamples.")]
Labels = Annotated[
    int, _load(min=1, max=1_000, help="Labels of one click; many at once force a full propagation.")
]
DuringPropagation = Annotated[
    bool,
    _load(
        "--during-propagation",
        help="First the reads without clicks, for --seconds, then the same reads with clicks: compares those "
        "that met a propagation with those alone. Needs --reads.",
    ),
]
Workers = Annotated[int, _load("--workers", "-w", min=1, help="Processes that make the load.")]
MaxP99 = Annotated[
    float,
    _load(
        min=0.001,
        metavar="SECONDS",
        help="A rate is sustained only if 99% of the clicks take at most this.",
    ),
]
Trial = Annotated[
    float,
    _load(
        min=1, metavar="SECONDS", help="How long one rate is tried; short trials let too high rates through."
    ),
]
Timeout = Annotated[float, _load(min=0.1, metavar="SECONDS", help="After which a call counts as failed.")]
Most = Annotated[
    int,
    _load(
        min=1,
        help="Operations under way at one time; what is to begin beyond it is dropped, which is an error.",
    ),
]
TargetAddress = Annotated[
    str | None,
    _service(
        metavar="HOST:PORT",
        help="A graph service that runs. Default: one is started, with an embedded store, and stopped.",
    ),
]
DataDir = Annotated[
    Path | None,
    _service(
        metavar="DIR",
        help="Where a service that is started keeps its data, so that the next test need not fill it again. "
        "Default: a temporary folder.",
    ),
]
DatasetName = Annotated[
    str,
    _service(
        "--dataset",
        "-d",
        metavar="NAME",
        help="The dataset. One that exists is loaded as it is, and keeps the load's labels and samples; "
        "one that does not is made, filled, and with --target deleted at the end.",
    ),
]
Keep = Annotated[bool, _service("--keep", help="Do not delete the dataset that was made.")]
Samples = Annotated[int, _data(min=2, help="How many.")]
Dimension = Annotated[int, _data(min=1, help="Of a vector.")]
Classes = Annotated[int, _data(min=2, help="How many.")]
Neighbours = Annotated[int, _data("--neighbours", "-k", min=1, help="Of a sample.")]
MethodOf = Annotated[
    MethodName | None,
    _data("--method", help="How labels become beliefs. Default: the service's own."),
]
Labelled = Annotated[float, _data(min=0, max=1, help="Share of the samples that get a label first.")]
Seed = Annotated[int, _data(min=0, help="Of the samples and of all times.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where loadtest.html and loadtest.json go.")]
