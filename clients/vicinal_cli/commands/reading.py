"""`vicinal propagate`, `suggest` and `flag`: what the labels so far say."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import typer

from vicinal_cli.commands.output import Destination, class_name
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import DatasetName, GraphTarget, Output, OutputFormat
from vicinal_client import Flag, Propagation, Strategy

__all__ = ["flag", "propagate", "suggest"]

_SUSPECT = (
    Column("id", str),
    Column("label", str),
    Column("suspicion", float),
    Column("suggested_class", str),
    Column("trust", str),
)
_EVIDENCE = (
    Column("id", str),
    Column("class", str),
    Column("weight", float),
    Column("similarity", float),
)
_FLAG = (*_SUSPECT, Column("annotator", str), Column("evidence", _EVIDENCE))
_BRIEF_FLAG = (*_SUSPECT, Column("neighbours", str))


class StrategyName(StrEnum):
    """How to choose what to label next; the words of `vicinal_client.Strategy`."""

    COVERAGE = "coverage"
    MARGIN = "margin"
    ENTROPY = "entropy"
    RANDOM = "random"


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


def suggest(
    dataset: DatasetName = "default",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many samples.")] = 10,
    strategy: Annotated[
        StrategyName,
        typer.Option(
            help="coverage: spread over what no label covers yet. margin, entropy: where the belief is "
            "least sure. random: the control."
        ),
    ] = StrategyName.COVERAGE,
    seed: Annotated[int, typer.Option(min=0, help="Of what is random in the choice.")] = 0,
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Say which samples to label next, the best first.

    It works before the first label, and never names a sample that a person
    labelled already.

    Examples:
      vicinal suggest --dataset pets --count 20
      vicinal suggest --dataset pets --output todo.csv
      (fill in its column label, then: vicinal label todo.csv --dataset pets)
    """
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        classes = client.get_dataset(dataset).classes
        found = client.suggest(dataset, count, strategy=Strategy(strategy.value), seed=seed)
    columns = [Column("id", str), Column("score", float), Column("class", str), Column("confidence", float)]
    rows = [(one.sample_id, one.score, class_name(classes, one.class_index), one.confidence) for one in found]
    if not destination.is_terminal:  # an empty column to fill in, for `vicinal label FILE`
        columns.append(Column("label", str))
        rows = [(*row, None) for row in rows]  # type: ignore[misc]
    destination.write(Result(columns, rows))


def flag(
    dataset: DatasetName = "default",
    min_suspicion: Annotated[
        float, typer.Option(min=0, max=1, help="Only labels at least this suspicious.")
    ] = 0.5,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    evidence: Annotated[int, typer.Option(min=0, help="Neighbours to name for each label.")] = 3,
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Say which labels look wrong, the most suspicious first.

    The suspicion is the share of the neighbourhood's belief that speaks for
    another class when the label itself is left out. The evidence is the
    neighbours that say so; a table on the terminal shows only their classes.

    Examples:
      vicinal flag --dataset pets
      vicinal flag --dataset pets --min-suspicion 0.9 --output suspects.parquet
    """
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        found = client.flag_errors(dataset, min_suspicion=min_suspicion, evidence=evidence, limit=limit)
    if destination.is_terminal:
        destination.write(Result(_BRIEF_FLAG, map(_brief_flag_row, found)))
    else:
        destination.write(Result(_FLAG, map(_flag_row, found)))
    note(f"{found.total_count} labels at least {min_suspicion:g} suspicious; revision {found.revision}")


def _class_rows(classes: tuple[str, ...], found: Propagation) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each class, and one without a name for what is unreached."""
    if found.classes is None or found.confidences is None:
        raise ValueError("the beliefs were not asked for")
    for i, name in enumerate(classes):
        confidences = found.confidences[found.classes == i]
        yield name, len(confidences), float(np.mean(confidences)) if len(confidences) else None
    if found.unreached_count:
        yield None, found.unreached_count, None


def _flag_row(one: Flag) -> tuple[Any, ...]:
    evidence = [(near.sample_id, near.class_name, near.weight, near.similarity) for near in one.evidence]
    return *_suspect(one), one.label.annotator, evidence


def _brief_flag_row(one: Flag) -> tuple[Any, ...]:
    return *_suspect(one), ", ".join(near.class_name for near in one.evidence)


def _suspect(one: Flag) -> tuple[Any, ...]:
    label = one.label
    return label.sample_id, label.class_name, one.suspicion, one.suggested_class, label.trust.value
