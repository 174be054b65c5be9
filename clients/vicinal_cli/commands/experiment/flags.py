"""The flags that the experiments share, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Address",
    "Asymmetric",
    "Budgets",
    "Encoder",
    "HeldOut",
    "Labels",
    "Methods",
    "Neighbours",
    "NoisyColumns",
    "Out",
    "Pairs",
    "Peers",
    "Request",
    "Seeds",
    "SlowSeeds",
    "Source",
    "SuggestUpTo",
    "Symmetric",
]

Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="Vectors with their classes (.npz with `vectors`, `labels`; .parquet; .npy with --labels), "
        "or a folder with one sub-folder of images a class.",
    ),
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where the results go. A rerun goes on from there.")]
Seeds = Annotated[int, typer.Option(min=1, help="Draws of everything random: labels, noise.")]
SlowSeeds = Annotated[
    int,
    typer.Option(
        min=1, help="Draws of what is slow: models of all samples, suggestions, flags, held-out accuracy."
    ),
]
HeldOut = Annotated[
    float,
    typer.Option(min=0, max=0.9, help="Share of the samples kept out of the graph; 0 for none."),
]
Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME[@T]",
        help="How labels spread: default, pooled, paper (as printed, T = 0.01), symmetrized; @T sets the "
        "temperature. May be repeated. [default: default, paper, paper@0.1]",
    ),
]
Peers = Annotated[bool, typer.Option("--peers/--no-peers", help="Whether to run the peers too.")]
Neighbours = Annotated[
    int | None,
    typer.Option("--neighbours", "-k", min=1, help="Neighbours a sample in the graph. [default: 10]"),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The true classes (.csv or .parquet with id, label), if not in SOURCE."
    ),
]
NoisyColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--noisy-column",
        metavar="NAME",
        help="A column of labels that are partly wrong, beside the true ones. May be repeated. "
        "[default: all of an .npz]",
    ),
]
Symmetric = Annotated[
    list[float] | None,
    typer.Option(min=0, max=1, help="Share of labels made wrong, any other class alike. May be repeated."),
]
Asymmetric = Annotated[
    list[float] | None,
    typer.Option(min=0, max=1, help="Share of labels mistaken for one other class. May be repeated."),
]
Pairs = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CLASS:CLASS",
        help="Which class is mistaken for which, under --asymmetric. May be repeated. "
        "[default: each for the one with the nearest centroid]",
    ),
]
Budgets = Annotated[
    list[int] | None,
    typer.Option(
        "--budget",
        min=1,
        help="A number of labels. May be repeated. [default: 10 to 5000, at most half of the samples]",
    ),
]
SuggestUpTo = Annotated[
    int, typer.Option(min=0, help="Follow suggestions to this many labels; 0 leaves them out.")
]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="VICINAL_GRAPH",
        metavar="HOST:PORT",
        help="A graph service that runs; else one is started for the experiment. A dataset is made "
        "there, and deleted at the end.",
    ),
]
Encoder = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="An ONNX encoder for images instead of the starter encoder."),
]


@dataclass(frozen=True)
class Request:
    """What the user asked for; as the flags of those names say it. None takes the default."""

    source: Path
    out: Path
    seeds: int = 10
    slow_seeds: int = 3
    held_out: float = 0.1
    methods: list[str] | None = None
    peers: bool = True
    neighbours: int | None = None
    labels: Path | None = None
    noisy_columns: list[str] | None = None
    symmetric: list[float] | None = None
    asymmetric: list[float] | None = None
    pairs: list[str] | None = None
    budgets: list[int] | None = None
    suggest_up_to: int = 500
    address: str | None = None
    encoder: Path | None = None
