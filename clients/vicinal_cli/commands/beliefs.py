"""`vicinal classify` and `vicinal export`: a class for everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal_cli.commands.output import Destination, belief_columns, belief_rows
from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH, embedder_at, graph_client
from vicinal_cli.console import progress, warn_of
from vicinal_cli.embedding import Embedding, model_for
from vicinal_cli.files.folders import Folder, scan
from vicinal_cli.files.results import Result
from vicinal_cli.files.vector_set import VectorSet
from vicinal_cli.files.vectors import is_vector_file, read_vectors
from vicinal_cli.options import (
    DatasetName,
    EmbedTarget,
    EncoderDigest,
    GraphTarget,
    IdsFile,
    Output,
    OutputFormat,
)
from vicinal_client import Dataset, GraphClient

__all__ = ["classify", "export"]

Whole = Annotated[bool, typer.Option("--beliefs", help="Also write the belief in every class: belief.NAME.")]


def classify(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="A folder of images, one image, or vectors: .npy, .npz, .parquet."
        ),
    ],
    dataset: DatasetName = "default",
    beliefs: Whole = False,
    ids: IdsFile = None,
    encoder_digest: EncoderDigest = "",
    output: Output = None,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
    embed: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Classify images or vectors that are not in the dataset.

    Each is given the class for which its nearest samples in the dataset
    vote. Nothing is added.

    Examples:
      vicinal classify new/ --dataset pets
      vicinal classify features.npz --dataset pets --output classes.csv
    """
    destination = Destination.of(output, form)
    given: VectorSet | Folder
    if is_vector_file(source):
        given = read_vectors(source, ids_file=ids, encoder_digest=encoder_digest)
    else:
        given = scan(source)
    with graph_client(graph) as client:
        there = client.get_dataset(dataset)
        classes = there.classes
        found = _embedded(given, embed, there.encoder_digest) if isinstance(given, Folder) else given
        with progress("classifying") as tell:
            answer = client.classify(
                dataset,
                found.vectors,
                encoder_digest=found.encoder_digest,
                include_beliefs=beliefs,
                min_revision=there.revision,
                progress=tell,
            )
    rows = belief_rows(found.ids, classes, answer.classes, answer.confidences, answer.beliefs)
    destination.write(Result(belief_columns(classes, whole=beliefs), rows))


def export(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The file to write: .csv, .jsonl, .parquet; - is stdout.")
    ],
    dataset: DatasetName = "default",
    beliefs: Whole = False,
    form: OutputFormat = None,
    graph: GraphTarget = DEFAULT_GRAPH,
) -> None:
    """Write the class and confidence of every sample, in order of arrival.

    A sample that no label reaches has no class. All rows belong to one
    revision of the dataset.

    Examples:
      vicinal export labels.csv --dataset pets
      vicinal export - --format jsonl --dataset pets
    """
    destination = Destination.of(None if str(out) == "-" else out, form)
    with graph_client(graph) as client:
        there = client.get_dataset(dataset)
        columns = belief_columns(there.classes, whole=beliefs)
        destination.write(Result(columns, _exported(client, there, beliefs)))


def _exported(client: GraphClient, dataset: Dataset, beliefs: bool) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of every sample, holding one page at a time."""
    done = 0
    with progress("exporting") as tell:
        pages = client.iter_beliefs(dataset.name, include_beliefs=beliefs, min_revision=dataset.revision)
        for page in pages:
            columns = (page.classes, page.confidences, page.beliefs)
            yield from belief_rows(page.sample_ids, dataset.classes, *columns)
            done += len(page.sample_ids)
            tell(done, page.total_count)


def _embedded(folder: Folder, target: str, encoder_digest: str) -> VectorSet:
    with embedder_at(target) as client:
        embedding = Embedding(client, model_for(client, encoder_digest).encoder_digest)
        with progress("embedding") as tell:
            _, vectors = embedding.all(folder.images, tell)
    warn_of([*folder.refused, *embedding.refused], "images could not be embedded")
    return vectors
