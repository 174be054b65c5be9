"""`vicinal flag` and `noise`: what is wrong with the labels and the samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import typer

from vicinal_cli.commands.output import Destination
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.errors import CliError
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import DatasetName, GraphTarget, Output, OutputFormat
from vicinal_client import Flag, FlagKind, Interval, Noise

__all__ = ["flag", "noise"]

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
_NOISE = (
    Column("of", str),
    Column("name", str),
    Column("stated", str),
    Column("wrong", float),
    Column("lower", float),
    Column("upper", float),
    Column("labels", int),
)


class KindName(StrEnum):
    """What to look for."""

    LABELS = "labels"
    CONTRADICTIONS = "contradictions"
    DUPLICATES = "duplicates"
    OUTLIERS = "outliers"


_KINDS = {
    KindName.LABELS: FlagKind.WRONG_LABEL,
    KindName.CONTRADICTIONS: FlagKind.CONTRADICTION,
    KindName.DUPLICATES: FlagKind.NEAR_DUPLICATE,
    KindName.OUTLIERS: FlagKind.OUTLIER,
}


def flag(
    dataset: DatasetName = "default",
    kind: Annotated[
        KindName,
        typer.Option(
            help="labels: probably wrong. contradictions: duplicates that are labelled differently. "
            "duplicates: samples that repeat an earlier one. outliers: samples far from all others."
        ),
    ] = KindName.LABELS,
    min_suspicion: Annotated[
        float | None, typer.Option(min=0, max=1, help="Only what is at least this suspicious.")
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="As many labels as are expected to be wrong in this share of the cases."
        ),
    ] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="This many of the most suspicious.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Show at most so many.")] = None,
    evidence: Annotated[int, typer.Option(min=0, help="Neighbours to name for each flag.")] = 3,
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Say which labels look wrong, or which samples are odd; the worst first.

    The suspicion of a label is the estimated probability that it is wrong,
    judged without it. Without --min-suspicion, --precision or --budget the list
    ends where finding more would cost more false alarms than it is worth. The
    evidence is the neighbours that say so; a table on the terminal shows only
    their classes, of duplicates and outliers their ids.

    Examples:
      vicinal flag --dataset pets
      vicinal flag --dataset pets --precision 0.9 --output suspects.parquet
      vicinal flag --dataset pets --kind duplicates
    """
    if sum(cut is not None for cut in (min_suspicion, precision, budget)) > 1:
        raise CliError("give at most one of --min-suspicion, --precision and --budget")
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        found = client.flag_errors(
            dataset,
            kind=_KINDS[kind],
            min_suspicion=min_suspicion,
            target_precision=precision,
            budget=budget,
            evidence=evidence,
            limit=limit,
            min_revision=client.get_dataset(dataset).revision,
        )
    concerns_samples = kind in (KindName.DUPLICATES, KindName.OUTLIERS)
    if destination.is_terminal:
        rows = (_brief_flag_row(one, concerns_samples) for one in found)
        destination.write(Result(_BRIEF_FLAG, rows))
    else:
        destination.write(Result(_FLAG, (_flag_row(one, concerns_samples) for one in found)))
    note(f"{found.total_count} {kind.value} flagged; revision {found.revision}")


def noise(
    dataset: DatasetName = "default",
    pairs: Annotated[int, typer.Option(min=0, help="Class pairs to show, the most frequent mistakes.")] = 10,
    level: Annotated[
        float, typer.Option(min=0.01, max=0.99, help="Probability that an interval holds the true value.")
    ] = 0.95,
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Estimate how many labels are wrong: overall, by class pair, by annotator.

    A class pair is how often a sample of the class NAME is labelled as STATED.

    Example:
      vicinal noise --dataset pets
    """
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        there = client.get_dataset(dataset)
        found = client.estimate_noise(dataset, level=level, min_revision=there.revision)
    destination.write(Result(_NOISE, _noise_rows(found, there.classes, pairs)))
    rate = found.noise_rate
    note(
        f"{rate.estimate:.1%} of the labels are wrong ({rate.lower:.1%} to {rate.upper:.1%}); "
        f"revision {found.revision}"
    )


def _noise_rows(found: Noise, classes: Sequence[str], pairs: int) -> Iterator[tuple[Any, ...]]:
    """Yield the overall rate, the class pairs most often confused, and the annotators."""
    total = sum(one.label_count for one in found.annotators)
    yield "all", None, None, *_ends(found.noise_rate), total
    yield from _pair_rows(found, classes, pairs)
    for one in found.annotators:
        yield "annotator", one.annotator, None, *_ends(one.noise_rate), one.label_count


def _pair_rows(found: Noise, classes: Sequence[str], pairs: int) -> Iterator[tuple[Any, ...]]:
    matrices = found.transition, found.transition_lower, found.transition_upper
    known = [matrix for matrix in matrices if matrix is not None]
    if not known:
        note(f"{len(classes)} classes are too many to tell which are confused")
        return
    mistakes = known[0] * (1 - np.eye(len(classes), dtype=np.float32))
    for place in np.argsort(-mistakes, axis=None, kind="stable")[:pairs].tolist():
        pair = divmod(place, len(classes))
        if mistakes[pair] > 0:
            ends = (float(matrix[pair]) for matrix in known)
            yield "class", classes[pair[0]], classes[pair[1]], *ends, None


def _ends(rate: Interval) -> tuple[float, float, float]:
    return rate.estimate, rate.lower, rate.upper


def _flag_row(one: Flag, concerns_sample: bool) -> tuple[Any, ...]:
    evidence = [(near.sample_id, near.class_name, near.weight, near.similarity) for near in one.evidence]
    return *_suspect(one, concerns_sample), one.label.annotator, evidence


def _brief_flag_row(one: Flag, concerns_sample: bool) -> tuple[Any, ...]:
    near = (one.sample_id if concerns_sample else one.class_name for one in one.evidence)
    return *_suspect(one, concerns_sample), ", ".join(near)


def _suspect(one: Flag, concerns_sample: bool) -> tuple[Any, ...]:
    label = one.label
    trust = None if concerns_sample else label.trust.value
    return label.sample_id, label.class_name or None, one.suspicion, one.suggested_class or None, trust
