"""Adding what a folder or a file holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vicinal_cli.adding.target import Target
from vicinal_cli.connect import Embedder
from vicinal_cli.embedding import Embedding, model_for
from vicinal_cli.files.folders import Folder, ImageFile
from vicinal_cli.files.labels import classes_of
from vicinal_cli.files.vector_set import VectorSet
from vicinal_client import Dataset, GraphClient, Label, NotFound, Progress, Trust

__all__ = ["Added", "Wish", "add_file", "add_folder", "add_vectors", "folder_labels"]

_PART = 1_000
"""Images that are embedded and then written together."""


@dataclass(frozen=True)
class Wish:
    """What the caller asked for.

    Attributes:
        dataset: name of the dataset.
        classes: classes it must have; empty takes those that labels or folders name.
        labels: labels to state when the samples are there.
        folder_trust: trust of the labels that sub-folders' names are; None states none.
        neighbours: k of a new dataset; None takes the service's default.
    """

    dataset: str
    classes: Sequence[str]
    labels: Sequence[Label]
    folder_trust: Trust | None
    neighbours: int | None


@dataclass(frozen=True)
class Added:
    """What came of it.

    Attributes:
        dataset: the dataset as it was before the first sample.
        is_new: whether it was made for this.
        samples: how many were added.
        labels: how many were stated.
        refused: id and reason of the images that could not be embedded.
    """

    dataset: Dataset
    is_new: bool
    samples: int
    labels: int
    refused: Sequence[tuple[str, str]] = ()


def add_file(client: GraphClient, wish: Wish, found: VectorSet, progress: Progress) -> Added:
    """Add vectors from a file.

    Raises:
        CliError: the dataset does not fit; nothing was written.
    """
    target = Target(wish.dataset, wish.classes, classes_of(wish.labels), wish.neighbours)
    dataset, is_new = target.opened(client, found.vectors.shape[1], found.encoder_digest, wish.labels)
    add_vectors(client, wish.dataset, found, progress)
    if wish.labels:
        client.add_labels(wish.dataset, wish.labels)
    return Added(dataset, is_new, len(found.ids), len(wish.labels))


def add_folder(
    client: GraphClient, embedder: Embedder, wish: Wish, folder: Folder, progress: Progress
) -> Added:
    """Embed and add the images of a folder part by part, each part followed by its folders' labels.

    A dataset that exists takes its own encoder, where it is served.

    Raises:
        CliError: the dataset does not fit (nothing was written), or no image could be embedded.
    """
    model = model_for(embedder, _encoder_of(client, wish.dataset))
    expected = [*wish.labels, *folder_labels(folder.images, wish.folder_trust)]
    target = Target(wish.dataset, wish.classes, classes_of(expected) or folder.classes, wish.neighbours)
    dataset, is_new = target.opened(client, model.dimension, model.encoder_digest, expected)
    embedding = Embedding(embedder, model.encoder_digest)
    samples = labels = 0
    for images, vectors in embedding.parts(folder.images, progress, _PART):
        add_vectors(client, wish.dataset, vectors)
        stated = folder_labels(images, wish.folder_trust)
        if stated:
            client.add_labels(wish.dataset, stated)
        samples += len(images)
        labels += len(stated)
    refused = {name for name, _ in embedding.refused}
    stated = [label for label in wish.labels if label.sample_id not in refused]
    if stated:
        client.add_labels(wish.dataset, stated)
    problems = [*folder.refused, *embedding.refused]
    return Added(dataset, is_new, samples, labels + len(stated), problems)


def add_vectors(
    client: GraphClient, dataset: str, found: VectorSet, progress: Progress | None = None
) -> None:
    """Add the vectors as samples of `dataset`."""
    client.add_samples(
        dataset,
        found.ids,
        found.vectors,
        encoder_digest=found.encoder_digest,
        content_sha256=found.content_sha256,
        progress=progress,
    )


def _encoder_of(client: GraphClient, dataset: str) -> str:
    """Return the digest that an existing dataset is bound to."""
    try:
        return client.get_dataset(dataset).encoder_digest
    except NotFound:
        return ""


def folder_labels(images: Sequence[ImageFile], trust: Trust | None) -> list[Label]:
    """Return the labels that the sub-folders' names are, if they are to be believed at all."""
    if trust is None:
        return []
    return [
        Label(image.id, image.class_name, trust=trust) for image in images if image.class_name is not None
    ]
