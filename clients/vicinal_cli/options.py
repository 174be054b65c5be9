"""The flags that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo

from vicinal_cli.files.formats import Format

__all__ = [
    "AuditShare",
    "DatasetName",
    "EmbedTarget",
    "EncoderDigest",
    "GraphTarget",
    "IdsFile",
    "MinSuspicion",
    "Output",
    "OutputFormat",
    "Trusted",
    "dataset_or",
]

GraphTarget = Annotated[
    str, typer.Option("--graph", envvar="VICINAL_GRAPH", metavar="HOST:PORT", help="The graph service.")
]
EmbedTarget = Annotated[
    str,
    typer.Option(
        "--embed",
        envvar="VICINAL_EMBED",
        metavar="TARGET",
        help="The embedding service, HOST:PORT, or another server's encoder, triton://HOST:PORT/MODEL.",
    ),
]
DatasetName = Annotated[
    str, typer.Option("--dataset", "-d", envvar="VICINAL_DATASET", metavar="NAME", help="The dataset.")
]
AuditShare = Annotated[
    float,
    typer.Option(
        "--audit",
        min=0,
        max=1,
        metavar="SHARE",
        help="Share of them that chance chooses, 0 to 1, for `vicinal accuracy`.",
    ),
]
MinSuspicion = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        metavar="PROBABILITY",
        help="Only labels that are wrong with this probability, 0 to 1. Default: as `vicinal flag`.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write .csv, .jsonl or .parquet instead of to the terminal."
    ),
]
OutputFormat = Annotated[
    Format | None,
    typer.Option(
        "--format", "-f", help="How to write. Default: by the file's ending; a table on a terminal, else CSV."
    ),
]
IdsFile = Annotated[
    Path | None,
    typer.Option(
        "--ids",
        metavar="FILE",
        help="Ids of the vectors: a text file with one a line, or .csv/.parquet with a column `id`. "
        "Default: those in the file or, for NAME.npy, in NAME.ids.csv beside it, else row-0, row-1, …",
    ),
]
EncoderDigest = Annotated[
    str,
    typer.Option(
        metavar="HEX",
        help="Encoder that made the vectors, when their file does not say it (64 hex digits).",
    ),
]


class Trusted(StrEnum):
    """How far labels are to be believed; the words of `vicinal_client.Trust`."""

    VERIFIED = "verified"
    GIVEN = "given"


def dataset_or(default: str) -> OptionInfo:
    """Return the option that names a dataset, where it is `default` otherwise.

    Args:
        default: in words.
    """
    option: OptionInfo = typer.Option(
        "--dataset",
        "-d",
        envvar="VICINAL_DATASET",
        metavar="NAME",
        help=f"The dataset in vicinal. Default: {default}.",
    )
    return option
