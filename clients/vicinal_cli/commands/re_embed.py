"""`vicinal re-embed`."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH, embedder_at, graph_client
from vicinal_cli.console import note, progress
from vicinal_cli.errors import CliError
from vicinal_cli.files.vectors import is_vector_file, read_vectors
from vicinal_cli.options import DatasetName, EmbedTarget, GraphTarget, IdsFile
from vicinal_cli.reembedding.move import Move
from vicinal_cli.reembedding.sources import Images, Source, Vectors
from vicinal_client import EmbedClient, FailedPrecondition

__all__ = ["re_embed"]


def re_embed(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="The folder of images that was added (one that holds all, where there were several), or "
            "their new vectors: .npy, .npz, .parquet.",
        ),
    ],
    dataset: DatasetName = "default",
    encoder_digest: Annotated[
        str,
        typer.Option(
            metavar="HEX",
            help="The encoder to move to (64 hex digits). Default: the one that the embedding service takes "
            "by itself, or that the file of vectors names.",
        ),
    ] = "",
    drop_missing: Annotated[
        bool,
        typer.Option(
            "--drop-missing",
            help="Remove samples whose image is gone, unreadable or (unless --accept-changed) another one, "
            "with their labels, instead of refusing.",
        ),
    ] = False,
    accept_changed: Annotated[
        bool,
        typer.Option(
            "--accept-changed",
            help="Take images that differ from those added; their samples' labels stay.",
        ),
    ] = False,
    start_over: Annotated[
        bool,
        typer.Option("--start-over", help="First forget the vectors of a move that was not completed."),
    ] = False,
    ids: IdsFile = None,
    graph: GraphTarget = DEFAULT_GRAPH,
    embed: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Move a dataset to another encoder. All samples and labels stay.

    The new vectors wait beside the old ones until every sample has one; then
    they take their place in one step. People may go on labelling all the
    while, and nothing they do is lost. Interrupted, the command goes on where
    it stopped when it is run again.

    The way back is the same command with the former encoder.

    Examples:
      vicinal re-embed photos/ --dataset pets
      vicinal re-embed photos/ --dataset pets --encoder-digest 3f9a…
      vicinal re-embed new-features.npz --dataset pets
    """
    with ExitStack() as held:
        client = held.enter_context(graph_client(graph))
        before = client.get_dataset(dataset)
        found = _source(held, source, ids, encoder_digest, embed)
        if start_over and before.staged_encoder_digest:
            client.discard_staged_vectors(dataset, before.staged_encoder_digest)
        tell = held.enter_context(progress("re-embedding"))
        moved = Move(client, dataset, found, drop_missing, accept_changed).run(tell)
    if before.encoder_digest == found.encoder_digest:
        note(f"the dataset {dataset!r} is of the encoder {found.encoder_digest[:12]}… already")
        return
    former = f"{before.encoder_digest[:12]}…" if before.encoder_digest else "one that nobody named"
    labels = moved.dataset.verified_label_count + moved.dataset.given_label_count
    note(
        f"moved the dataset {dataset!r} from the encoder {former} to {found.encoder_digest[:12]}…: "
        f"{moved.dataset.sample_count} samples ({moved.staged} vectors brought now), {labels} labels, "
        f"revision {moved.dataset.revision}"
    )


def _source(held: ExitStack, path: Path, ids: Path | None, digest: str, embed: str) -> Source:
    if is_vector_file(path):
        vectors = Vectors(read_vectors(path, ids_file=ids, encoder_digest=digest))
        if not vectors.encoder_digest:
            raise CliError(f"{path} does not say which encoder made its vectors", "name it: --encoder-digest")
        return vectors
    embedder = held.enter_context(embedder_at(embed))
    if digest and isinstance(embedder, EmbedClient):
        _check_loaded(embedder, digest)
    return Images(path, embedder, digest or embedder.model().encoder_digest)


def _check_loaded(client: EmbedClient, digest: str) -> None:
    try:
        client.model(digest)
    except FailedPrecondition as error:
        raise CliError(
            f"the embedding service has no encoder {digest}",
            "`vicinal encoders list` names those it has, `vicinal encoders load FILE` loads another.",
        ) from error
