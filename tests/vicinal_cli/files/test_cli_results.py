import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from rich.console import Console

from vicinal_cli.errors import CliError
from vicinal_cli.files.formats import Format, format_for
from vicinal_cli.files.results import Column, Result, write_result

COLUMNS = (
    Column("id", str),
    Column("count", int),
    Column("share", float),
    Column("names", list),
    Column("near", (Column("id", str), Column("weight", float))),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
FLOATS = st.floats(0, 1, width=32)
ROWS = st.lists(
    st.tuples(
        TEXT,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | FLOATS,
        st.lists(TEXT, max_size=3),
        st.lists(st.tuples(TEXT, FLOATS), max_size=3),
    ),
    max_size=5,
)


def records(rows):
    """The rows as JSON would have them."""
    names = [column.name for column in COLUMNS]
    near = [[{"id": name, "weight": weight} for name, weight in row[-1]] for row in rows]
    return [dict(zip(names, (*row[:-1], inner), strict=True)) for row, inner in zip(rows, near, strict=True)]


def same(read, written):
    """Floats are kept to 32 bits."""
    if isinstance(written, float):
        return np.float32(read) == np.float32(written)
    if isinstance(written, list):
        return len(read) == len(written) and all(map(same, read, written))
    if isinstance(written, dict):
        return read.keys() == written.keys() and all(same(read[key], written[key]) for key in written)
    return read == written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@given(rows=ROWS)
def test_json_lines_hold_the_rows(folder, rows):
    write_result(Result(COLUMNS, iter(rows)), Format.JSONL, folder / "r.jsonl", Console())
    with (folder / "r.jsonl").open(encoding="utf-8", newline="\n") as file:
        assert same([json.loads(line) for line in file], records(rows))


@given(rows=ROWS)
def test_parquet_holds_the_rows(folder, rows):
    write_result(Result(COLUMNS, iter(rows)), Format.PARQUET, folder / "r.parquet", Console())
    table = parquet.read_table(folder / "r.parquet")
    assert table.column_names == [column.name for column in COLUMNS]
    assert same(table.to_pylist(), records(rows))


@given(rows=ROWS)
def test_csv_holds_the_rows(folder, rows):
    write_result(Result(COLUMNS, iter(rows)), Format.CSV, folder / "r.csv", Console())
    with (folder / "r.csv").open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == [column.name for column in COLUMNS]
    read = [
        {
            "id": name,
            "count": int(count) if count else None,
            "share": float(share) if share else None,
            "names": json.loads(names),
            "near": json.loads(near),
        }
        for name, count, share, names, near in lines
    ]
    assert same(read, records(rows))


def test_a_table_prints_what_looks_like_markup(tmp_path):
    console = Console(file=io.StringIO(), width=80)
    columns = (
        Column("id", str),
        Column("class", str),
        Column("near", (Column("id", str), Column("w", float))),
        Column("names", list),
    )
    rows = [("[red]x[/red]", None, [("[b]", 0.25), ("c", 1.0)], ["[i]", "d"])]
    write_result(Result(columns, rows), Format.TABLE, None, console)
    header, line = console.file.getvalue().splitlines()
    assert header.split() == ["id", "class", "near", "names"]
    assert " ".join(line.split()) == "[red]x[/red] – [b] 0.250, c 1.000 [i], d"


def test_a_failed_write_leaves_nothing(tmp_path):
    def rows():
        yield ("a", 1, 0.5, [], [])
        raise RuntimeError("the service went away")

    for form in (Format.CSV, Format.JSONL, Format.PARQUET):
        with pytest.raises(RuntimeError, match="went away"):
            write_result(Result(COLUMNS, rows()), form, tmp_path / f"r.{form}", Console())
    assert not list(tmp_path.iterdir())


def test_the_format_is_asked_for_or_known_by_the_place(tmp_path):
    assert format_for(None, None, watched=True) is Format.TABLE
    assert format_for(None, None, watched=False) is Format.CSV
    assert format_for(None, Format.JSONL, watched=True) is Format.JSONL
    assert format_for(tmp_path / "a.PARQUET", None, watched=True) is Format.PARQUET
    assert format_for(tmp_path / "a.txt", Format.CSV, watched=True) is Format.CSV
    for output, form in (
        (None, Format.PARQUET),
        (tmp_path / "a.txt", None),
        (tmp_path / "a.csv", Format.TABLE),
    ):
        with pytest.raises(CliError):
            format_for(output, form, watched=False)
