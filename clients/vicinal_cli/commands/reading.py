"""`vicinal propagate`: what the labels so far say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vicinal_cli.commands.output import Destination
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import DatasetName, GraphTarget, Output, OutputFormat
from vicinal_client import Propagation

__all__ = ["propagate"]


def propagate(
    dataset: DatasetName = "default",
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Spread the labels over the neighbour graph; count the samples of each class.

    Every other command spreads them by itself when it must; this one says
    what came of it.

    Example:
      vicinal propagate --dataset pets
    """
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        classes = client.get_dataset(dataset).classes
        found = client.propagate(dataset, include_beliefs=True)
    columns = (Column("class", str), Column("samples", int), Column("mean_confidence", float))
    destination.write(Result(columns, _class_rows(classes, found)))
    note(
        f"{found.labelled_count} samples with a verified label, {found.reached_count} reached by a label, "
        f"{found.unreached_count} not; {found.seconds * 1000:.1f} ms; revision {found.revision}"
    )


def _class_rows(classes: tuple[str, ...], found: Propagation) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each class, and one without a name for what is unreached."""
    if found.classes is None or found.confidences is None:
        raise ValueError("the beliefs were not asked for")
    for i, name in enumerate(classes):
        confidences = found.confidences[found.classes == i]
        yield name, len(confidences), float(np.mean(confidences)) if len(confidences) else None
    if found.unreached_count:
        yield None, found.unreached_count, None
