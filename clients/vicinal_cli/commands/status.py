"""`vicinal status`."""

from __future__ import annotations

from typing import Any

import typer

from vicinal_cli.commands.output import Destination
from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH, embedder_at, graph_client
from vicinal_cli.console import fail, note
from vicinal_cli.errors import CliError
from vicinal_cli.files.results import Column, Result
from vicinal_cli.options import EmbedTarget, GraphTarget, Output, OutputFormat
from vicinal_client import Dataset

__all__ = ["status"]

_BRIEF = (
    Column("dataset", str),
    Column("samples", int),
    Column("verified", int),
    Column("given", int),
    Column("revision", int),
    Column("classes", str),
)
_FULL = (
    *_BRIEF,
    Column("nodes", int),
    Column("dimension", int),
    Column("neighbours", int),
    Column("index", str),
    Column("method", str),
    Column("temperature", float),
    Column("steps", int),
    Column("encoder_digest", str),
    Column("staged_encoder_digest", str),
    Column("staged", int),
)
_SHOWN = 12
"""Most classes named in a table."""


def status(
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
    embed: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Say whether the services answer, what they serve, and list the datasets.

    With --format csv, jsonl or parquet the list has more columns. The exit
    status is 1 when a service is not SERVING.

    Example:
      vicinal status
    """
    destination = Destination.of(output, form)
    serving = _say_encoder(embed)
    try:
        with graph_client(graph) as client:
            # The list leaves classes out, as there can be many.
            datasets = [client.get_dataset(one.name) for one in client.list_datasets()]
    except CliError as error:
        fail(error)
        serving = False
    else:
        note(f"graph service  SERVING at {graph}: {len(datasets)} datasets")
        for one in datasets:
            _say_move(one)
        if destination.is_terminal:
            destination.write(Result(_BRIEF, map(_brief, datasets)))
        else:
            destination.write(Result(_FULL, map(_full, datasets)))
    if not serving:
        raise typer.Exit(1)


def _say_encoder(target: str) -> bool:
    try:
        with embedder_at(target) as client:
            model = client.model()
    except CliError as error:
        fail(error)
        return False
    note(
        f"embed service  SERVING at {target}: {model.name}, {model.dimension} numbers a vector, "
        f"{model.provider}, digest {model.encoder_digest}"
    )
    return True


def _say_move(one: Dataset) -> None:
    if one.staged_encoder_digest:
        note(
            f"the dataset {one.name!r} is on its way to the encoder {one.staged_encoder_digest[:12]}…: "
            f"{one.staged_count} of {one.sample_count} samples (`vicinal re-embed` goes on)"
        )


def _brief(one: Dataset) -> tuple[Any, ...]:
    more = f", … ({len(one.classes)})" if len(one.classes) > _SHOWN else ""
    return *_counts(one), ", ".join(one.classes[:_SHOWN]) + more


def _full(one: Dataset) -> tuple[Any, ...]:
    settings = (one.method.value, one.temperature, one.steps)
    encoders = (one.encoder_digest, one.staged_encoder_digest, one.staged_count)
    return (
        *_counts(one),
        ",".join(one.classes),
        one.node_count,
        one.dimension,
        one.neighbours,
        one.index,
        *settings,
        *encoders,
    )


def _counts(one: Dataset) -> tuple[Any, ...]:
    return one.name, one.sample_count, one.verified_label_count, one.given_label_count, one.revision
