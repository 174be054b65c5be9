"""Frames of a task become samples of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vicinal_client import Dataset, EmbedClient, GraphClient, InferenceClient, NotFound, Progress
from vicinal_cvat.errors import CvatError
from vicinal_cvat.names import frame_of, sample_of

if TYPE_CHECKING:
    from vicinal_cvat.platform import CvatTask

__all__ = ["Embedder", "Pushed", "push"]

Embedder = EmbedClient | InferenceClient
"""What turns images into vectors."""

_IN_FLIGHT = 16
"""Images in memory: photographs as PNG are large."""


@dataclass(frozen=True)
class Pushed:
    """What came of it.

    Attributes:
        dataset: the dataset as it was before the first frame.
        is_new: whether it was made for this.
        added: how many frames became samples.
        present: how many were samples already.
        refused: sample and reason of those that could not be embedded.
    """

    dataset: Dataset
    is_new: bool
    added: int
    present: int
    refused: Sequence[tuple[str, str]]


def push(task: CvatTask, graph: GraphClient, embedder: Embedder, dataset: str, progress: Progress) -> Pushed:
    """Add the frames of `task` that `dataset` does not hold yet; it may be repeated at any time.

    A new dataset takes the task's labels for tags as its classes and the encoder that `embedder` uses by
    default. One that exists keeps its encoder and gets the classes it lacks.

    Raises:
        CvatError: the task has fewer than two labels for tags.
        FailedPrecondition: ENCODER_MISMATCH, the dataset's encoder is not served.
        VicinalError: a service refused or did not answer; what was written before stays.
    """
    found, is_new = _opened(task, graph, embedder, dataset)
    present = {frame_of(task.id, sample) for sample in graph.list_samples(dataset).ids}
    missing = {frame for frame in task.frames if frame not in present}
    there = len(task.frames) - len(missing)
    if not missing:
        return Pushed(found, is_new, 0, there, ())
    outcomes = embedder.embed_many(
        ((sample_of(task.id, frame), image) for frame, image in task.images(missing)),
        encoder_digest=found.encoder_digest,
        progress=lambda done, _: progress(done, len(missing)),
        in_flight=_IN_FLIGHT,
    )
    added = graph.add_embedded(dataset, outcomes)
    refused = [(sample, error.message) for sample, error in added.refused.items()]
    return Pushed(found, is_new, len(added.ids), there, refused)


def _opened(task: CvatTask, graph: GraphClient, embedder: Embedder, name: str) -> tuple[Dataset, bool]:
    classes = task.classes
    if len(classes) < 2:
        raise CvatError(
            f"the task {task.id} has {len(classes)} labels for tags, and at least two are needed",
            "give it labels of the type Tag (or Any), one for each class.",
        )
    with suppress(NotFound):
        return graph.add_classes(name, classes), False
    model = embedder.model()
    made = graph.create_dataset(
        name, dimension=model.dimension, classes=classes, encoder_digest=model.encoder_digest
    )
    return made, True
