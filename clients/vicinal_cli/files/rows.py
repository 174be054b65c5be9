"""Rows of text from CSV and Parquet files, each knowing where it stands."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicinal_cli.errors import CliError

__all__ = ["Row", "open_parquet", "read_rows"]

_BATCH = 10_000


@dataclass(frozen=True)
class Row:
    """One row of a file.

    Attributes:
        where: the place, for messages, e.g. "labels.csv, line 3".
        values: column -> text; "" where a cell is empty or an optional column is missing.
    """

    where: str
    values: dict[str, str]


def read_rows(path: Path, *, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows of a .csv (UTF-8, comma, with a header) or .parquet file.

    Args:
        path: the file.
        required: columns it must have.
        optional: columns it may have. Others are passed over.

    Raises:
        CliError: it cannot be read, or a required column is missing.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CliError(f"{path}: expected a .csv or .parquet file", f"with the columns {', '.join(required)}")
    if not path.is_file():
        raise CliError(f"{path}: no such file")
    return reader(path, required, optional)


def _read_csv(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            places = _places(path, header, required, optional)
            for cells in reader:
                where = f"{path}, line {reader.line_num}"
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise CliError(f"{where}: {len(cells)} cells, but the header names {len(header)} columns")
                yield Row(where, {name: "" if at is None else cells[at] for name, at in places.items()})
    except UnicodeDecodeError as error:
        raise CliError(f"{path}: not UTF-8 text at byte {error.start}", "save it as UTF-8 CSV") from error
    except csv.Error as error:
        raise CliError(f"{path}: no CSV that can be read: {error}") from error


def _read_parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
    with closing(open_parquet(path)) as file:
        places = _places(path, file.schema_arrow.names, required, optional)
        present = [name for name, at in places.items() if at is not None]
        start = 1
        for batch in file.iter_batches(_BATCH, columns=present):
            columns = {name: batch.column(name).to_pylist() for name in present}
            for i in range(batch.num_rows):
                values = {name: _text(columns[name][i]) if name in columns else "" for name in places}
                yield Row(f"{path}, row {start + i}", values)
            start += batch.num_rows


def open_parquet(path: Path) -> Any:
    """Return the file as a `pyarrow.parquet.ParquetFile`.

    Raises:
        CliError: it is no Parquet file.
    """
    import pyarrow  # loaded late: it takes longer than most commands
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise CliError(f"{path}: no Parquet file that can be read: {error}") from error


def _places(
    path: Path, names: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> dict[str, int | None]:
    found = {name: i for i, name in enumerate(names)}
    missing = [name for name in required if name not in found]
    if missing:
        has = ", ".join(map(repr, names[:10])) or "none"
        raise CliError(f"{path}: the column {missing[0]!r} is missing", f"its columns are {has}")
    return {name: found.get(name) for name in (*required, *optional)}


def _text(value: object) -> str:
    return "" if value is None else str(value)
