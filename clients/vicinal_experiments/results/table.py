"""The CSV of results: tidy, one value a row, written as the values come."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vicinal_experiments.errors import ExperimentError

__all__ = ["COLUMNS", "Key", "Row", "Table"]

COLUMNS = ("experiment", "setting", "method", "seed", "level", "metric", "value", "seconds")


class Key(NamedTuple):
    """What one measurement is known by.

    Attributes:
        experiment: e.g. "active-learning".
        setting: the circumstances, e.g. "random labels".
        method: what was measured.
        seed: of all that was random in it.
        level: the number that the experiment varies.
    """

    experiment: str
    setting: str
    method: str
    seed: int
    level: float


@dataclass(frozen=True)
class Row:
    """One value.

    Attributes:
        key: of the measurement it belongs to.
        metric: what it is, e.g. "accuracy".
        value: the value; shares are 0 to 1.
        seconds: that the measurement took, all its metrics together.
    """

    key: Key
    metric: str
    value: float
    seconds: float


class Table:
    """All rows so far. A measurement is written in one piece; what a crash tore is measured again.

    Attributes:
        path: the CSV.
    """

    def __init__(self, path: Path) -> None:
        """Read the CSV, or begin one.

        Raises:
            ExperimentError: it is no such CSV.
        """
        self.path = path
        self._rows = list(_read(path)) if path.exists() else []
        self._keys = {row.key for row in self._rows}
        _write(path, self._rows)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def has_series(self, experiment: str, setting: str, method: str, seed: int) -> bool:
        """Return whether there is a measurement of any level."""
        return any(key[:4] == (experiment, setting, method, seed) for key in self._keys)

    def add(self, measured: Sequence[tuple[Key, Mapping[str, float], float]]) -> None:
        """Write measurements down in one piece: key, metrics and seconds of each.

        One that is there already stays as it is.
        """
        rows = [
            Row(key, metric, float(value), seconds)
            for key, metrics, seconds in measured
            if key not in self._keys
            for metric, value in metrics.items()
        ]
        with self.path.open("a", newline="", encoding="utf-8") as file:
            file.write(_text(rows))
        self._rows += rows
        self._keys.update(row.key for row in rows)


def _text(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in rows:
        key = row.key
        writer.writerow([*key[:4], _exact(key.level), row.metric, f"{row.value:.6g}", f"{row.seconds:.3f}"])
    return text.getvalue()


def _exact(level: float) -> str:
    """Return the shortest text that is read as the same number: rows are known by it."""
    short = f"{level:g}"
    return short if float(short) == level else repr(level)


def _write(path: Path, rows: Sequence[Row]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(",".join(COLUMNS) + "\n" + _text(rows), encoding="utf-8")
    partial.replace(path)


def _read(path: Path) -> Iterator[Row]:
    """Yield the rows; when the last line is torn, without the series that it, or the line before, belongs to.

    A torn line may not tell whose it was: then the series before it is measured again for nothing.
    """
    text = path.read_text(encoding="utf-8")
    lines = list(csv.reader(io.StringIO(text)))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise ExperimentError(f"{path} is no table of results", "choose another --out, or move the file away")
    whole = lines[1:] if text.endswith("\n") else lines[1:-1]
    try:
        rows = [
            Row(
                Key(line[0], line[1], line[2], int(line[3]), float(line[4])),
                line[5],
                float(line[6]),
                float(line[7]),
            )
            for line in whole
        ]
    except (ValueError, IndexError) as error:
        raise ExperimentError(
            f"{path}: a line is damaged: {error}", "remove the line, or the file"
        ) from error
    if not text.endswith("\n") and rows:
        rows = [row for row in rows if row.key[:4] != rows[-1].key[:4]]
    yield from rows
