"""`vicinal add`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vicinal_cli.adding.samples import Added, Wish, add_file, add_folder
from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH, embedder_at, graph_client
from vicinal_cli.console import note, progress, warn_of
from vicinal_cli.files.folders import scan
from vicinal_cli.files.labels import class_names, read_labels
from vicinal_cli.files.vectors import is_vector_file, read_vectors
from vicinal_cli.options import DatasetName, EmbedTarget, EncoderDigest, GraphTarget, IdsFile, Trusted
from vicinal_client import Trust

__all__ = ["add"]


class FolderLabels(StrEnum):
    """What the names of sub-folders say."""

    NONE = "none"
    GIVEN = "given"
    VERIFIED = "verified"


def add(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="A folder of images, or vectors: .npy, .npz, .parquet."),
    ],
    dataset: DatasetName = "default",
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Class names with commas between, or a text file with one a line. "
            "A dataset that exists gets those it lacks.",
        ),
    ] = None,
    labels_from_folders: Annotated[
        FolderLabels,
        typer.Option(
            help="State each image's sub-folder as its label, with this trust; none states nothing."
        ),
    ] = FolderLabels.NONE,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labels to state afterwards, as `vicinal label FILE` takes them."),
    ] = None,
    trust: Annotated[
        Trusted, typer.Option(help="How far to believe the labels of --labels that do not say it.")
    ] = Trusted.GIVEN,
    neighbours: Annotated[
        int | None, typer.Option("--neighbours", "-k", min=1, help="Neighbours a sample, for a new dataset.")
    ] = None,
    ids: IdsFile = None,
    encoder_digest: EncoderDigest = "",
    graph: GraphTarget = DEFAULT_GRAPH,
    embed: EmbedTarget = DEFAULT_EMBED,
) -> None:
    """Add samples to a dataset, which is made if there is none of that name.

    SOURCE is a folder of images, whose ids become their paths below it, or a
    file of vectors you already have. A new dataset takes its classes from
    --classes, else from the labels stated, else from the sub-folders; and the
    embedding service's default encoder. One that exists keeps its own.

    Sub-folder names become labels only when --labels-from-folders asks for
    it: a folder may as well be a date, and a label once stated spreads.

    Examples:
      vicinal add photos/ --dataset pets --classes cat,dog
      vicinal add by-class/ --dataset pets --labels-from-folders given
      vicinal add features.npy --ids names.txt --classes cat,dog
    """
    wish = Wish(
        dataset,
        class_names(classes) if classes else (),
        read_labels(labels, annotator="", trust=Trust(trust.value)) if labels else (),
        None if labels_from_folders is FolderLabels.NONE else Trust(labels_from_folders.value),
        neighbours,
    )
    if is_vector_file(source):
        found = read_vectors(source, ids_file=ids, encoder_digest=encoder_digest)
        with graph_client(graph) as client, progress("adding") as tell:
            added = add_file(client, wish, found, tell)
    else:
        folder = scan(source)
        with (
            graph_client(graph) as client,
            embedder_at(embed) as embedder,
            progress("embedding and adding") as tell,
        ):
            added = add_folder(client, embedder, wish, folder, tell)
    _say(added)


def _say(added: Added) -> None:
    warn_of(added.refused, "images could not be embedded")
    made = f" (new, with the classes {', '.join(added.dataset.classes)})" if added.is_new else ""
    labels = f" and stated {added.labels} labels" if added.labels else ""
    note(f"added {added.samples} samples{labels} to the dataset {added.dataset.name!r}{made}")
