"""Results, written as CSV, JSON lines, Parquet or a table on the terminal, a row at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vicinal_cli.files.formats import Format
from vicinal_cli.files.whole import replacing

__all__ = ["Column", "Result", "write_result"]

Kind: TypeAlias = "type[str] | type[int] | type[float] | type[list[str]] | tuple[Column, ...]"

_ROWS = 10_000
"""Rows of one row group of a Parquet file."""


@dataclass(frozen=True)
class Column:
    """A column of a result.

    Attributes:
        name: its name.
        kind: str, int, float (32 bits), list (of strings), or, for a list of records, the columns of those.
    """

    name: str
    kind: Kind


@dataclass(frozen=True)
class Result:
    """Rows of values, one value a column; each may be read once.

    Attributes:
        columns: of every row.
        rows: tuples of values; a value may be None.
    """

    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]


def write_result(result: Result, form: Format, output: Path | None, console: Console) -> None:
    """Write `result` to the file `output`, or to stdout when there is none.

    Args:
        result: what to write.
        form: how; Parquet needs a file, a table needs none.
        output: the file; it appears when it is whole.
        console: what a table is printed on.

    Raises:
        OSError: the file cannot be written.
    """
    if output is None:
        if form is Format.TABLE:
            console.print(_table(result))
        else:
            _write_text(result, form, console.file)
        return
    with replacing(output) as partial:
        if form is Format.PARQUET:
            _write_parquet(result, partial)
        else:
            with partial.open("w", newline="", encoding="utf-8") as file:
                _write_text(result, form, file)


def _write_text(result: Result, form: Format, file: IO[str]) -> None:
    if form is Format.CSV:
        _write_csv(result, file)
        return
    names = [column.name for column in result.columns]
    for row in result.rows:
        file.write(_json(dict(zip(names, map(_plain, result.columns, row), strict=True))) + "\n")


def _write_csv(result: Result, file: IO[str]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    # A carriage return is quoted only where it ends lines (github.com/python/cpython/issues/67230).
    careful = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([column.name for column in result.columns])
    for row in result.rows:
        values = map(_plain, result.columns, row)
        cells = [_json(value) if isinstance(value, list) else value for value in values]
        returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (careful if returns else writer).writerow(cells)


def _write_parquet(result: Result, path: Path) -> None:
    import pyarrow as pa  # loaded late: it takes longer than most commands
    from pyarrow import parquet

    schema = pa.schema([(column.name, _arrow_type(column.kind)) for column in result.columns])
    with parquet.ParquetWriter(path, schema) as writer:
        for rows in _batches(result.rows, _ROWS):
            values = zip(*(map(_plain, result.columns, row) for row in rows), strict=True)
            arrays = [pa.array(cells, field.type) for cells, field in zip(values, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _arrow_type(kind: Kind) -> Any:
    import pyarrow as pa

    if isinstance(kind, tuple):
        return pa.list_(pa.struct([(column.name, _arrow_type(column.kind)) for column in kind]))
    return {str: pa.string(), int: pa.int64(), float: pa.float32(), list: pa.list_(pa.string())}[kind]


def _table(result: Result) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in result.columns:
        table.add_column(
            Text(column.name), justify="left" if column.kind in (str, list) else "right", overflow="fold"
        )
    for row in result.rows:
        table.add_row(*map(Text, map(_cell, result.columns, row)))
    return table


def _cell(column: Column, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(column.kind, tuple):
        return ", ".join(" ".join(map(_cell, column.kind, record)) for record in value)
    if column.kind is list:
        return ", ".join(value)
    return f"{value:.3f}" if column.kind is float else str(value)


def _plain(column: Column, value: Any) -> Any:
    """Return `value` as JSON knows it; a float gets the fewest digits that tell its 32 bits."""
    if value is None:
        return None
    if isinstance(column.kind, tuple):
        names = [inner.name for inner in column.kind]
        return [dict(zip(names, map(_plain, column.kind, record), strict=True)) for record in value]
    return float(str(np.float32(value))) if column.kind is float else column.kind(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _batches(rows: Iterable[Sequence[Any]], size: int) -> Iterator[list[Sequence[Any]]]:
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch
