"""What was measured, by step: a CSV and TensorBoard's event files."""

from __future__ import annotations

import csv
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from torch.utils.tensorboard import SummaryWriter

__all__ = ["CSV_NAME", "Metrics", "Row", "last_values"]

CSV_NAME = "metrics.csv"


class Row(NamedTuple):
    """One moment of a run.

    Attributes:
        step: how many steps are done.
        epoch: how often the images were gone through, fractions counted.
        loss: eq. 1, mean since the last row; 0…8. None before the first step, as are those below but `knn`.
        spread: of the embeddings, see `spread`; 0…1.
        learning_rate: of the last step.
        momentum: τ of the last step.
        steps_per_second: since the last row, probes and checkpoints not counted.
        knn: accuracy of the nearest neighbours' vote, 0…1, or None where it was not probed.
    """

    step: int
    epoch: float
    loss: float | None = None
    spread: float | None = None
    learning_rate: float | None = None
    momentum: float | None = None
    steps_per_second: float | None = None
    knn: float | None = None


class Metrics:
    """Writes rows to `metrics.csv` and, for TensorBoard, beside it; a context manager.

    Args:
        folder: where; it exists.
        done: steps done before; later rows of an interrupted run are dropped.
    """

    def __init__(self, folder: Path, done: int) -> None:
        path = folder / CSV_NAME
        kept = _rows_until(path, done)
        # Line by line, so that a run that is killed leaves what it measured.
        self._file = path.open("w", newline="", encoding="utf-8", buffering=1)
        self._csv = csv.writer(self._file)
        self._csv.writerow(Row._fields)
        self._csv.writerows(kept)
        self._board = SummaryWriter(str(folder), purge_step=done + 1 if done else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._board.close()

    def write(self, row: Row) -> None:
        """Add a row."""
        self._csv.writerow("" if value is None else f"{value:.6g}" for value in row)
        for name, value in row._asdict().items():
            if name != "step" and value is not None:
                self._board.add_scalar(name, value, row.step)


def _rows_until(path: Path, done: int) -> list[list[str]]:
    if not done or not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in list(csv.reader(file))[1:] if row and int(row[0]) <= done]


def last_values(path: Path) -> dict[str, float]:
    """Return each column's last value in a `metrics.csv`; a column without any is left out.

    Raises:
        OSError: it cannot be read.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return {name: float(value) for row in csv.DictReader(file) for name, value in row.items() if value}
