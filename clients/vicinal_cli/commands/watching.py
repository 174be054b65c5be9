"""`vicinal watch`: what the labels say, as it moves."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Annotated

import typer

from vicinal_cli.commands.output import class_name
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.options import DatasetName, GraphTarget
from vicinal_client import BeliefChanges

__all__ = ["watch"]


def watch(
    dataset: DatasetName = "default",
    min_change: Annotated[
        float,
        typer.Option(min=0, max=1, help="Least change of confidence to tell; a change of class always is."),
    ] = 0.05,
    everything: Annotated[
        bool, typer.Option("--all", help="Begin with every sample, not with what moves from now on.")
    ] = False,
    revisions: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many revisions; else Ctrl-C stops it.")
    ] = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Tell which samples change class or confidence while others label.

    Writes a CSV line for each sample that moved, whenever the labels have
    been propagated after a write; a sample that left has neither class nor
    confidence. It goes on after a restart of the service.

    Examples:
      vicinal watch --dataset pets
      vicinal watch --dataset pets --all --min-change 0 > moves.csv
    """
    rows = csv.writer(sys.stdout, lineterminator="\n")
    with graph_client(graph) as client, suppress(KeyboardInterrupt):
        classes = client.get_dataset(dataset).classes
        rows.writerow(("revision", "id", "class", "confidence"))
        stream = client.watch_beliefs(dataset, min_change=min_change, changes_only=not everything)
        for told in islice(stream, revisions):
            if told.classes.max(initial=-1) >= len(classes):  # some were appended
                classes = client.get_dataset(dataset).classes
            rows.writerows(_rows(told, classes))
            sys.stdout.flush()
            note(_summary(told))


def _rows(told: BeliefChanges, classes: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    for name in told.left:
        yield told.revision, name, None, None
    columns = told.sample_ids, told.classes.tolist(), told.confidences.tolist()
    for name, index, confidence in zip(*columns, strict=True):
        yield told.revision, name, class_name(classes, index), f"{confidence:.4f}"


def _summary(told: BeliefChanges) -> str:
    moved = "samples in all" if told.is_whole else "samples moved"
    left = f", {len(told.left)} left" if told.left else ""
    return f"revision {told.revision}: {len(told.sample_ids)} {moved}{left}"
