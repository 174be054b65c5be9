"""FiftyOne → vicinal: samples and the labels that they came with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from vicinal_client import (
    EmbedClient,
    GraphClient,
    InferenceClient,
    NotFound,
    Progress,
    Trust,
)
from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.link import Collection, Link, linked, remember, root_of
from vicinal_fiftyone.progress import told
from vicinal_fiftyone.reading import check_field, class_names, statements
from vicinal_fiftyone.stating import state

__all__ = ["Embedder", "Pushed", "push"]

Embedder = EmbedClient | InferenceClient
"""What turns images into vectors."""

_OBJECT_ID = re.compile("[0-9a-f]{24}")


@dataclass(frozen=True)
class Pushed:
    """What a push wrote.

    Attributes:
        dataset: dataset of the graph service.
        added: samples that were not there.
        replaced: samples whose image has changed.
        removed: samples that FiftyOne has no longer.
        stated: labels stated.
        unlabelled: labels taken back.
        refused: id and reason of the samples whose image could not be embedded.
    """

    dataset: str
    added: int
    replaced: int
    removed: int
    stated: int
    unlabelled: int
    refused: tuple[tuple[str, str], ...]


def push(
    samples: Collection,
    graph: GraphClient,
    embed: Embedder,
    *,
    name: str | None = None,
    label_field: str | None = None,
    trust: Trust = Trust.GIVEN,
    annotator: str | None = None,
    classes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Pushed:
    """Bring the images and labels of a FiftyOne dataset, or of a view of it, into vicinal.

    Sends the difference: images that are new or whose bytes have changed, samples that the FiftyOne dataset
    has no longer (their ids are FiftyOne's, and others are left alone), labels that are new, changed,
    confirmed or gone. A second push writes nothing; one that was interrupted goes on. Every image is read to
    compare its SHA-256.

    Args:
        samples: the dataset or view.
        graph: of the graph service.
        embed: of what makes the vectors; a dataset that exists keeps its own encoder.
        name: dataset of the graph service, made on first use; None takes the one used before, at first
            FiftyOne's name, with '-' for characters that are not allowed.
        label_field: Classification field with the labels; None takes the one used before, at first none.
        trust: how far to believe labels that are new or changed and do not have the tag "verified"; VERIFIED
            confirms those that are there already, too.
        annotator: who states the labels; None takes the one used before, at first "fiftyone".
        classes: classes that the dataset must have besides those that FiftyOne declares or uses.
        progress: called after each image; None shows FiftyOne's progress bar.

    Raises:
        FiftyOneError: the samples are no images, there is no such field, fewer than two classes are known for
            a new dataset, or the one of that name belongs to another FiftyOne dataset. Nothing was written.
        FailedPrecondition: ENCODER_MISMATCH, the dataset's encoder is not served.
        VicinalError: what a service refused on the way; push again to go on.
    """
    link = linked(samples, name=name, label_field=label_field, annotator=annotator)
    if link.label_field is not None:
        check_field(samples, link.label_field)
    known, gone = _inventory(samples, graph, link)
    digest = _opened(samples, graph, embed, link, classes)
    remember(samples, link)
    wanted, refused = _changed(samples, known)
    written: set[str] = set()
    if wanted:
        with told(progress, len(wanted)) as tell:
            outcomes = embed.embed_many(wanted, encoder_digest=digest, progress=tell)
            added_images = graph.add_embedded(link.name, outcomes)
        written.update(added_images.ids)
        refused += [(sample_id, error.message) for sample_id, error in added_images.refused.items()]
    if gone:
        graph.remove_samples(link.name, gone)
    there = known.keys() | written
    stated = removed = 0
    if link.label_field is not None:
        said = statements(samples, link.label_field, all_verified=trust is Trust.VERIFIED)
        said = {sample_id: one for sample_id, one in said.items() if sample_id in there}
        stated, removed = state(graph, link, said, trust)
    added = len(written - known.keys())
    return Pushed(link.name, added, len(written) - added, len(gone), stated, removed, tuple(refused))


def _inventory(samples: Collection, graph: GraphClient, link: Link) -> tuple[dict[str, bytes], list[str]]:
    """Return the content hash of every sample that vicinal holds, and those that FiftyOne has no longer.

    Raises:
        FiftyOneError: all of vicinal's samples that came from FiftyOne are another dataset's.
    """
    try:
        listed = graph.list_samples(link.name)
    except NotFound:
        return {}, []
    known = dict(zip(listed.ids, listed.content_sha256, strict=True))
    ours = {sample_id for sample_id in known if _OBJECT_ID.fullmatch(sample_id)}
    gone = ours - set(root_of(samples).values("id"))
    if gone and gone == ours:
        raise FiftyOneError(
            f"the dataset {link.name!r} of the graph service holds {len(gone)} samples of another FiftyOne "
            "dataset, and none of this one: give another name, or delete that dataset first"
        )
    return {sample_id: known[sample_id] for sample_id in known.keys() - gone}, sorted(gone)


def _opened(
    samples: Collection, graph: GraphClient, embed: Embedder, link: Link, classes: Sequence[str]
) -> str:
    """Return the digest of the dataset's encoder; make the dataset, or give it the classes it lacks.

    Raises:
        FiftyOneError: it is new and fewer than two classes are known.
    """
    names = class_names(samples, link.label_field, classes)
    with suppress(NotFound):
        return graph.add_classes(link.name, names).encoder_digest
    if len(names) < 2:
        raise FiftyOneError(
            f"the dataset {link.name!r} is new and needs two classes at least; known: {names}. Give classes, "
            "a label field, or set the FiftyOne dataset's default_classes"
        )
    model = embed.model()
    digest = model.encoder_digest
    graph.create_dataset(link.name, dimension=model.dimension, classes=names, encoder_digest=digest)
    return digest


def _changed(
    samples: Collection, known: Mapping[str, bytes]
) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """Return the images that are new or have changed, and id and reason of those that cannot be read."""
    wanted: list[tuple[str, Path]] = []
    refused: list[tuple[str, str]] = []
    for sample_id, filepath in zip(*samples.values(["id", "filepath"]), strict=True):
        path = Path(filepath)
        try:
            if sample_id in known and known[sample_id] == _sha256(path):
                continue
        except OSError as error:
            refused.append((sample_id, str(error)))
            continue
        wanted.append((sample_id, path))
    return wanted, refused


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return file_digest(file, "sha256").digest()
