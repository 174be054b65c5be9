"""`vicinal suggest` and `accuracy`: what to label next, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from vicinal_cli.commands.leases import DEFAULT_TTL, TimeToLive, seconds, told
from vicinal_cli.commands.output import Destination, class_name
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import AuditShare, DatasetName, GraphTarget, Output, OutputFormat
from vicinal_client import Accuracy, LeaseTerms, Reason, Strategy, Suggestion

__all__ = ["accuracy", "suggest"]

_BRIEF = (Column("id", str), Column("class", str), Column("confidence", float), Column("why", str))
_FULL = (
    Column("id", str),
    Column("score", float),
    Column("class", str),
    Column("confidence", float),
    Column("reason", str),
    Column("represents", int),
    Column("rival", str),
    Column("label", str),
)
_ACCURACY = (
    Column("audited", int),
    Column("right", int),
    Column("accuracy", float),
    Column("lower", float),
    Column("upper", float),
    Column("stop", str),
)


class StrategyName(StrEnum):
    """How to choose what to label next; the words of `vicinal_client.Strategy`."""

    AUTO = "auto"
    COVERAGE = "coverage"
    MARGIN = "margin"
    ENTROPY = "entropy"
    RANDOM = "random"
    AUDIT = "audit"


def suggest(
    dataset: DatasetName = "default",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many samples.")] = 10,
    strategy: Annotated[
        StrategyName,
        typer.Option(
            help="auto: coverage, then what is in doubt. coverage: spread over what no label covers yet. "
            "margin, entropy: where the belief is least sure. random: the control. audit: for `accuracy`."
        ),
    ] = StrategyName.AUTO,
    audit: AuditShare = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Of what is random in the choice.")] = 0,
    lease_for: Annotated[
        str | None,
        typer.Option(metavar="ANNOTATOR", help="Lease them: nobody else is handed them meanwhile."),
    ] = None,
    ttl: TimeToLive = DEFAULT_TTL,
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Say which samples to label next and why, the best first.

    It works before the first label, and never names a sample that a person
    labelled already. With --audit 0.1 one in ten is drawn at random: from
    those `vicinal accuracy` tells when to stop.

    Where several people label, each leases his share with --lease-for: what
    one holds is suggested to nobody else until it is labelled, given back or
    left for longer than --ttl (`vicinal leases --help`).

    Examples:
      vicinal suggest --dataset pets --count 20
      vicinal suggest --dataset pets --audit 0.1 --output todo.csv
      (fill in its column label, then: vicinal label todo.csv --dataset pets)
      vicinal suggest --dataset pets --lease-for ann --ttl 30m --output ann.csv
    """
    destination = Destination.of(output, form)
    terms = None if lease_for is None else LeaseTerms(lease_for, seconds(ttl))
    with graph_client(graph) as client:
        there = client.get_dataset(dataset)
        classes = there.classes
        found = client.suggest(
            dataset,
            count,
            strategy=Strategy(strategy.value),
            audit_share=audit,
            seed=seed,
            lease=terms,
            min_revision=there.revision,
        )
    if found.lease is not None:
        note(told(found.lease))
    if destination.is_terminal:
        brief = [
            (one.sample_id, class_name(classes, one.class_index), one.confidence, why(one, classes))
            for one in found
        ]
        destination.write(Result(_BRIEF, brief))
        return
    full = [
        (
            *(one.sample_id, one.score, class_name(classes, one.class_index), one.confidence),
            *(one.reason.value, one.represents, class_name(classes, one.rival_class_index)),
            None,  # to fill in, for `vicinal label FILE`
            *((lease_for,) if lease_for else ()),
        )
        for one in found
    ]
    columns = (*_FULL, Column("annotator", str)) if lease_for else _FULL
    destination.write(Result(columns, full))


def accuracy(
    dataset: DatasetName = "default",
    target: Annotated[float, typer.Option(help="The accuracy wanted, above 0 and below 1.")] = 0.95,
    level: Annotated[float, typer.Option(help="How sure to be, above 0 and below 1.")] = 0.95,
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Estimate how many beliefs are right, and say whether labelling may stop.

    The estimate needs audited samples: label what `vicinal suggest --audit
    0.1` (or --strategy audit) names. Each is judged without its own label.

    Example:
      vicinal accuracy --dataset pets --target 0.9
    """
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        newest = client.get_dataset(dataset).revision
        found = client.estimate_accuracy(dataset, target=target, level=level, min_revision=newest)
    known = found.accuracy
    interval = (known.estimate, known.lower, known.upper) if known else (None, None, None)
    stop = "yes" if found.target_reached else "no"
    destination.write(Result(_ACCURACY, [(found.audited_count, found.right_count, *interval, stop)]))
    note(verdict(found, target))


def why(one: Suggestion, classes: Sequence[str]) -> str:
    """Say in words why a sample is suggested."""
    if one.reason is Reason.AUDIT:
        return "audit: drawn at random"
    if one.reason is Reason.RANDOM:
        return "drawn at random"
    if one.reason is Reason.COVERAGE:
        samples = "1 sample" if one.represents == 1 else f"{one.represents:,} samples"
        return f"stands for {samples} like it that nobody labelled"
    believed, rival = (class_name(classes, index) for index in (one.class_index, one.rival_class_index))
    if believed is None:
        return "no label reaches it"
    return f"{believed} or {rival}?" if rival else f"perhaps {believed}"


def verdict(found: Accuracy, target: float) -> str:
    """Say in words whether labelling may stop."""
    if found.accuracy is None:
        return f"no audited sample yet; with {found.audits_needed}, all right, {target:.1%} would be shown"
    known = f"{found.accuracy.estimate:.1%} right, {found.accuracy.lower:.1%} to {found.accuracy.upper:.1%}"
    if found.target_reached:
        return f"{known}: the target of {target:.1%} is reached, labelling may stop"
    if found.audits_needed is None:
        return f"{known}: below the target of {target:.1%}, so label on"
    more = f"{found.audits_needed} more audited samples would show it if the share stays"
    return f"{known}: the target of {target:.1%} is not shown yet; {more}"
