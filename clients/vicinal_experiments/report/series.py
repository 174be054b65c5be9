"""Rows of results, gathered over their seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vicinal_experiments.experiments.label_noise import LABELS
from vicinal_experiments.peers.choice import PEERS
from vicinal_experiments.results.table import Row
from vicinal_experiments.settings import DEFAULT

__all__ = ["OURS", "Mean", "Panel", "levels_of", "methods_of", "panel", "settings_of"]

OURS = ("default", DEFAULT.name)
"""What the service does unless told otherwise: its suggestions, and its beliefs."""


@dataclass(frozen=True)
class Mean:
    """One value over several seeds.

    Attributes:
        mean: of the values.
        spread: their standard deviation (of the sample); 0 for a single value.
        seeds: how many values.
    """

    mean: float
    spread: float
    seeds: int


@dataclass(frozen=True)
class Panel:
    """One metric in one setting.

    Attributes:
        cells: method → level → mean: the service's methods before the peers, its default first of all, and
            levels in order.
    """

    cells: dict[str, dict[float, Mean]]

    @property
    def methods(self) -> Sequence[str]:
        """Names of what was measured."""
        return list(self.cells)


def panel(rows: Iterable[Row], experiment: str, setting: str, metric: str) -> Panel:
    """Return the panel of the rows that fit."""
    values: dict[str, dict[float, list[float]]] = {}
    for row in rows:
        if (row.key.experiment, row.key.setting, row.metric) == (experiment, setting, metric):
            values.setdefault(row.key.method, {}).setdefault(row.key.level, []).append(row.value)
    return Panel(
        {
            method: {level: _mean(found) for level, found in sorted(values[method].items())}
            for method in sorted(values, key=_rank)  # the order of the rows depends on which lane was quicker
        }
    )


def methods_of(panels: Iterable[Panel]) -> list[str]:
    """Return the methods of all panels, in the order of `Panel`."""
    return sorted({method: None for one in panels for method in one.methods}, key=_rank)


def settings_of(rows: Iterable[Row], experiment: str) -> list[str]:
    """Return the settings of an experiment in the order in which they were first measured."""
    return list(dict.fromkeys(row.key.setting for row in rows if row.key.experiment == experiment))


def levels_of(one: Panel) -> list[float]:
    """Return every level, in order."""
    return sorted({level for levels in one.cells.values() for level in levels})


def _rank(method: str) -> int:
    if method in OURS:
        return 0
    if method == LABELS:
        return 2 + len(PEERS)
    return PEERS.index(method) + 2 if method in PEERS else 1


def _mean(values: Sequence[float]) -> Mean:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Mean(float(np.mean(values)), spread, len(values))
