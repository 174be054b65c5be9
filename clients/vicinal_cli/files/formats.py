"""The forms a result can be written in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from vicinal_cli.errors import CliError

__all__ = ["Format", "format_for"]


class Format(StrEnum):
    """How a result is written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    TABLE = "table"


def format_for(output: Path | None, asked: Format | None, *, watched: bool) -> Format:
    """Return how to write: what was asked for, else what the file's ending says, else what fits stdout.

    Args:
        output: the file to write, or None for stdout.
        asked: the format that was asked for, if any.
        watched: whether stdout is a terminal.

    Raises:
        CliError: the ending says nothing, or the format does not fit the place.
    """
    if output is None:
        if asked is Format.PARQUET:
            raise CliError("Parquet needs a file", "name one: --output NAME.parquet")
        return asked or (Format.TABLE if watched else Format.CSV)
    if asked is Format.TABLE:
        raise CliError("a table is for the terminal", "choose --format csv, jsonl or parquet for a file")
    ending = output.suffix.lower().removeprefix(".")
    if asked is None and ending not in (Format.CSV, Format.JSONL, Format.PARQUET):
        raise CliError(
            f"{output}: the ending does not say how to write",
            "end it in .csv, .jsonl or .parquet, or add --format",
        )
    return asked or Format(ending)
