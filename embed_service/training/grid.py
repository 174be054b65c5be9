"""Short runs over learning rate, weight decay and momentum, as the paper chose its own.

The folder holds a run's folder for each cell and `grid.csv`, one row a finished cell. A grid that was stopped
goes on where it was: finished cells are not run again, the one under way is resumed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

from embed_service.training.errors import TrainingError
from embed_service.training.loop.description import Run, read_run
from embed_service.training.loop.metrics import CSV_NAME, last_values
from embed_service.training.loop.run import CHECKPOINT, DESCRIPTION, Outcome, train

__all__ = ["GRID_CSV", "Cell", "Result", "best", "cells", "run_grid"]

GRID_CSV = "grid.csv"


class Cell(NamedTuple):
    """One choice."""

    learning_rate: float
    weight_decay: float
    tau: float

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"lr{self.learning_rate:g}-wd{self.weight_decay:g}-tau{self.tau:g}"


class Result(NamedTuple):
    """What a cell came to.

    Attributes:
        cell: the choice.
        steps: that it ran.
        loss: at the end. A small one is no merit: a collapsed encoder has the smallest.
        spread: of the embeddings at the end, 0…1.
        knn: accuracy of the nearest neighbours' vote, 0…1; None without labels.
        collapsed: the alarm rang.
    """

    cell: Cell
    steps: int
    loss: float
    spread: float
    knn: float | None
    collapsed: bool


_COLUMNS = (*Cell._fields, *Result._fields[1:])


def cells(
    learning_rates: Sequence[float], weight_decays: Sequence[float], taus: Sequence[float]
) -> list[Cell]:
    """Return every combination, without repeats."""
    return list(dict.fromkeys(Cell(*each) for each in product(learning_rates, weight_decays, taus)))


def run_grid(run: Run, choices: Sequence[Cell], folder: Path, tell: Callable[[str], None]) -> list[Result]:
    """Run what is not done yet, one cell after another.

    Args:
        run: what all cells share.
        choices: the cells; at least one.
        folder: of the grid; made if need be.
        tell: is told in a sentence where the grid is.

    Returns:
        What the finished cells came to, in the order of `choices`; fewer than these if it was stopped.

    Raises:
        TrainingError: a run cannot go on, or the folder holds a grid that shares something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    finished = {result.cell: result for result in _read(folder / GRID_CSV)}
    for number, cell in enumerate(choices, start=1):
        shared = replace(run, settings=replace(run.settings, **cell._asdict()))
        _check_same(folder / cell.name, shared)
        if cell in finished:
            continue
        tell(f"cell {number} of {len(choices)}: {cell.name}")
        outcome = train(shared, folder / cell.name)
        if not outcome.finished and not outcome.collapsed:
            tell(f"stopped; the same command goes on with cell {number}")
            break
        finished[cell] = _result(cell, outcome, folder / cell.name / CSV_NAME)
        _append(folder / GRID_CSV, finished[cell])
    return [finished[cell] for cell in choices if cell in finished]


def best(results: Sequence[Result]) -> Result | None:
    """Return the cell whose neighbours vote best; None where no labels say so.

    The loss cannot choose: it is smallest where the encoder has collapsed, and depends on tau.
    """
    judged = [result for result in results if result.knn is not None and not result.collapsed]
    return max(judged, key=lambda result: result.knn or 0.0, default=None)


def _result(cell: Cell, outcome: Outcome, metrics: Path) -> Result:
    last = last_values(metrics)
    return Result(cell, outcome.done, last["loss"], last["spread"], last.get("knn"), outcome.collapsed)


def _check_same(folder: Path, run: Run) -> None:
    if (folder / CHECKPOINT).exists() and read_run(folder / DESCRIPTION) != run:
        raise TrainingError(
            f"{folder} holds a run with other images or settings: choose another --out for another grid"
        )


def _append(path: Path, result: Result) -> None:
    values = [*result.cell, *result[1:]]
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(_COLUMNS)
        writer.writerow("" if value is None else value for value in values)


def _read(path: Path) -> list[Result]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Result(
                Cell(*(float(row[name]) for name in Cell._fields)),
                int(row["steps"]),
                float(row["loss"]),
                float(row["spread"]),
                float(row["knn"]) if row["knn"] else None,
                row["collapsed"] == "True",
            )
            for row in csv.DictReader(file)
        ]
