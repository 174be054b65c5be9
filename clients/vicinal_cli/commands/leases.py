"""`vicinal leases`: who holds what of a queue that several people share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from vicinal_cli.commands.output import Destination
from vicinal_cli.connect import DEFAULT_GRAPH, graph_client
from vicinal_cli.console import note
from vicinal_cli.errors import CliError
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import DatasetName, GraphTarget, Output, OutputFormat
from vicinal_client import Lease

__all__ = ["DEFAULT_TTL", "TimeToLive", "app", "seconds", "told"]

app = typer.Typer(context_settings={"help_option_names": ["-h", "--help"]})

DEFAULT_TTL = "10m"
TimeToLive = Annotated[
    str, typer.Option("--ttl", metavar="TIME", help="How long the lease lives: 90s, 10m, 2h; up to 24h.")
]
LeaseId = Annotated[str, typer.Argument(metavar="ID", help="The lease, as `vicinal leases` lists it.")]

_UNITS = {"s": 1, "m": 60, "h": 3600}
_COLUMNS = (
    Column("id", str),
    Column("annotator", str),
    Column("samples", int),
    Column("expires in", str),
    Column("expires", str),
)


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
    """List the live leases of a dataset: who holds how many samples, and for how long.

    `vicinal suggest --lease-for ANN` hands samples out to Ann alone. They
    come back by themselves: each when it is labelled (by a person, not
    GIVEN), all when the lease expires. Before that:

      vicinal leases release ID     gives them back at once
      vicinal leases renew ID       keeps them for longer
    """
    if context.invoked_subcommand is not None:
        return
    destination = Destination.of(output, form)
    with graph_client(graph) as client:
        leases = client.leases(dataset, annotator=annotator)
    columns = _COLUMNS[:-1] if destination.is_terminal else _COLUMNS  # a table must be narrow
    destination.write(Result(columns, (_row(lease)[: len(columns)] for lease in leases)))


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
        note(told(client.renew_lease(dataset, lease_id, seconds=lasting)))


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

    Example:
      vicinal leases release 1f0c… --dataset pets
    """
    given: Sequence[str] = samples or ()
    with graph_client(graph) as client:
        client.release_lease(dataset, lease_id, given)
    note(f"released {'what it held of those' if given else 'all'} of lease {lease_id}")


def seconds(text: str) -> float:
    """Return the seconds that a time like 90s, 10m or 2h means; without a unit it is of seconds.

    Raises:
        CliError: it means none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if found is None:
        raise CliError(f"{text!r} is no time", "write 90s, 10m or 2h.")
    return float(found[1]) * _UNITS[found[2] or "s"]


def told(lease: Lease) -> str:
    """Say in words what a lease is."""
    count = len(lease.sample_ids)
    samples = "1 sample" if count == 1 else f"{count} samples"
    whom = f" for {lease.annotator}" if lease.annotator else ""
    return f"lease {lease.id}{whom}: {samples}, {_left(lease)} left (`vicinal leases renew` or `release`)"


def _row(lease: Lease) -> tuple[str, str, int, str, str]:
    expires = lease.expires.isoformat(timespec="seconds")
    return lease.id, lease.annotator, len(lease.sample_ids), _left(lease), expires


def _left(lease: Lease) -> str:
    """Return the time until it expires, by this machine's clock."""
    whole = max(round((lease.expires - datetime.now(UTC)).total_seconds()), 0)
    minutes, rest = divmod(whole, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
