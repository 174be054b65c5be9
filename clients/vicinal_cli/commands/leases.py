"""`vicinal leases`: who holds what of a queue that several people share."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from vicinal_cli.commands.output import Destination
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.errors import CliError
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import DatasetName, GraphTarget, Output, OutputFormat
from vicinal_client import GraphClient, Lease

__all__ = ["DEFAULT_TTL", "TimeToLive", "app", "seconds", "told"]

app = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})

DEFAULT_TTL = "10m"
TimeToLive = Annotated[
    str, typer.Option("--ttl", metavar="TIME", help="How long the lease lives: 90s, 10m, 2h; up to 24h.")
]
LeaseId = Annotated[
    str, typer.Argument(metavar="ID", help="The lease, as `vicinal leases` lists it, or how its id begins.")
]

_UNITS = {"s": 1, "m": 60, "h": 3600}
_LONGEST = 24 * 3600.0
"""Seconds that a lease may live."""
_BRIEF_ID = 8
_BRIEF_SAMPLES = 3
_COLUMNS = (
    Column("id", str),
    Column("annotator", str),
    Column("samples", int),
    Column("expires in", str),
    Column("expires", str),
    Column("sample_ids", list),
)
_BRIEF = (*_COLUMNS[:4], _COLUMNS[-1])
"""Of a table, which must be narrow."""


@app.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    dataset: DatasetName = "default",
    annotator: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only the leases for this annotator.")
    ] = None,
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """List the live leases of a dataset: who holds which samples, and for how long.

    `vicinal suggest --lease-for ANN` hands samples out to Ann alone. They
    come back by themselves: each when it is labelled (by a person, not
    GIVEN), all when the lease expires. Before that:

      vicinal leases release ID     gives them back at once
      vicinal leases renew ID       keeps them for longer

    A table is brief; --output and --format csv, jsonl name all samples.

    Examples:
      vicinal leases --dataset pets
      vicinal leases --dataset pets --annotator ann --format jsonl
    """
    if context.invoked_subcommand is not None:
        return
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        leases = client.leases(dataset, annotator=annotator)
    if destination.is_terminal:
        destination.write(Result(_BRIEF, _brief_rows(leases)))
        return
    full = ((*_row(lease), lease.expires.isoformat(timespec="seconds"), lease.sample_ids) for lease in leases)
    destination.write(Result(_COLUMNS, full))


@app.command()
def renew(
    lease_id: LeaseId,
    dataset: DatasetName = "default",
    ttl: TimeToLive = DEFAULT_TTL,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Let a lease live for so long from now on, longer or shorter than it would.

    Example:
      vicinal leases renew 1f0c… --dataset pets --ttl 1h
    """
    lasting = seconds(ttl)
    with graph_client(graph) as client:
        lease = _meant(client, dataset, lease_id)
        note(told(client.renew_lease(dataset, lease, seconds=lasting)))


@app.command()
def release(
    lease_id: LeaseId,
    samples: Annotated[
        list[str] | None, typer.Argument(metavar="SAMPLE", help="Only these of its samples.")
    ] = None,
    dataset: DatasetName = "default",
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Give what a lease holds back to the queue, or only some of its samples.

    Examples:
      vicinal leases release 1f0c… --dataset pets
      vicinal leases release 1f0c… tom/1.jpg tom/2.jpg --dataset pets
    """
    given: Sequence[str] = samples or ()
    with graph_client(graph) as client:
        lease = _meant(client, dataset, lease_id)
        client.release_lease(dataset, lease, given)
    note(_released(lease, given))


def seconds(text: str) -> float:
    """Return the seconds, 1 to 86,400, of a time like 90s, 10m or 2h; without a unit it is of seconds.

    Raises:
        CliError: it means none, or one that no lease may live.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None:
        raise CliError(f"{text!r} is no time", "write 90s, 10m or 2h.")
    meant = float(found[1]) * _UNITS[found[2] or "s"]
    if not 1 <= meant <= _LONGEST:
        raise CliError(f"{text} is out of range", "a lease lives for 1 s to 24 h.")
    return meant


def told(lease: Lease) -> str:
    """Say in words what a lease is."""
    samples = _samples(len(lease.sample_ids))
    whom = f" for {lease.annotator}" if lease.annotator else ""
    return f"lease {lease.id}{whom}: {samples}, {_left(lease)} left (`vicinal leases renew` or `release`)"


def _meant(client: GraphClient, dataset: str, text: str) -> Lease:
    """Return the live lease of that id, or the only one whose id begins so; an ellipsis may end it.

    Raises:
        CliError: there is none, or several.
    """
    start = text.removesuffix("…").removesuffix("...")
    leases = client.leases(dataset)
    found = [one for one in leases if one.id == text] or [
        one for one in leases if start and one.id.startswith(start)
    ]
    if not found:
        raise CliError(
            f"the dataset {dataset!r} has no live lease {text}",
            "`vicinal leases` lists those that live; `vicinal suggest --lease-for` makes another.",
        )
    if len(found) > 1:
        ids = ", ".join(one.id for one in found)
        raise CliError(f"{len(found)} leases begin with {start}", f"name one of {ids}")
    return found[0]


def _released(lease: Lease, given: Sequence[str]) -> str:
    """Say in words what a lease, here as it was before, gave back of the `given` samples (empty: all)."""
    held = set(lease.sample_ids)
    back = len(held.intersection(given)) if given else len(held)
    others = [name for name in given if name not in held]
    rest = f"; not in it: {', '.join(_first(others))}" if others else ""
    return f"released {back} of {_samples(len(held))} of lease {lease.id}{rest}"


def _first(names: Sequence[str]) -> list[str]:
    return [*names[:_BRIEF_SAMPLES], *(["…"] if len(names) > _BRIEF_SAMPLES else [])]


def _samples(count: int) -> str:
    return "1 sample" if count == 1 else f"{count} samples"


def _row(lease: Lease) -> tuple[str, str, int, str]:
    return lease.id, lease.annotator, len(lease.sample_ids), _left(lease)


def _brief_rows(leases: Sequence[Lease]) -> Iterator[tuple[str, str, int, str, list[str]]]:
    """Yield rows with ids as short as tells them apart, and the first few samples."""
    ids = [lease.id for lease in leases]
    for lease in leases:
        yield _brief(lease.id, ids), *_row(lease)[1:], _first(lease.sample_ids)


def _brief(name: str, names: Sequence[str]) -> str:
    for length in range(_BRIEF_ID, len(name) - 1):
        if sum(other.startswith(name[:length]) for other in names) == 1:
            return f"{name[:length]}…"
    return name


def _left(lease: Lease) -> str:
    """Return the time until it expires, by this machine's clock."""
    whole = max(round((lease.expires - datetime.now(UTC)).total_seconds()), 0)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
