"""A run of experiments from data to page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from vicinal_client import GraphClient
from vicinal_experiments.bench import bench
from vicinal_experiments.data import Data, Split
from vicinal_experiments.experiments.catalogue import tasks_of
from vicinal_experiments.lab import Lab
from vicinal_experiments.neighbours import Lists, nearest
from vicinal_experiments.options import Options
from vicinal_experiments.results.table import Table
from vicinal_experiments.tasks import run

__all__ = ["Bars", "conduct"]

Bars = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Opens a progress bar with a description; what it yields is told how much is done, and of how much."""


def conduct(
    names: Sequence[str],
    client: GraphClient,
    split: Split,
    options: Options,
    out: Path,
    bars: Bars,
    neighbours: int | None = None,
) -> Table:
    """Run the experiments `names`, as far as they are not in the table of `out` yet, and return the table.

    Args:
        names: of `experiments.catalogue.EXPERIMENTS`.
        client: of the graph service; a dataset is made there, and deleted at the end.
        split: the data.
        options: how much is measured.
        out: folder of the results; must belong to this data (`results.manifest`).
        bars: shows progress.
        neighbours: k of the graph; None takes the service's default.
    """
    table = Table(out / "results.csv")
    data = split.inside
    lists = _lists(data, max(options.neighbours), out / "neighbours.npz", bars)
    with bench(client, data.vectors.shape[1], data.classes, neighbours) as opened:
        tasks = tasks_of(names, Lab(client, opened, split, lists, options))
        if any(task.service and not task.is_in(table) for task in tasks):
            with bars("adding the samples") as tell:
                opened.fill(data.vectors, tell)
        with bars("measuring") as tell:
            run(tasks, table, tell)
    return table


def _lists(data: Data, k: int, cache: Path, bars: Bars) -> Lists:
    """Return exact neighbour lists, from the file where an earlier run left them if it did."""
    if cache.exists():
        with np.load(cache) as file:
            kept = Lists(file["ids"], file["similarities"])
        if kept.ids.shape == (len(data), min(k, len(data) - 1)):
            return kept
    with bars("finding the exact neighbours, for the peers") as tell:
        lists = nearest(None, data.vectors, k, tell)
    partial = cache.with_name(f".{cache.name}")
    with partial.open("wb") as file:
        np.savez(file, ids=lists.ids, similarities=lists.similarities)
    partial.replace(cache)
    return lists
