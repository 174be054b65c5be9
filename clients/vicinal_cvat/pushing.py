"""Frames of a task become samples of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vicinal_client import Dataset, EmbedClient, Embedded, FailedPrecondition, GraphClient, NotFound, Progress
from vicinal_cvat.names import frame_of, sample_of
from vicinal_cvat.problems import CvatProblem

if TYPE_CHECKING:
    from vicinal_cvat.platform import CvatTask

__all__ = ["Pushed", "push"]

_PART = 500
"""Frames that are written together."""
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


def push(
    task: CvatTask, graph: GraphClient, embedder: EmbedClient, dataset: str, progress: Progress
) -> Pushed:
    """Add the frames of `task` that `dataset` does not hold yet; it may be repeated at any time.

    A new dataset takes the task's labels for tags as its classes and the service's default encoder. One that
    exists keeps its encoder and gets the classes it lacks.

    Raises:
        CvatProblem: the task has fewer than two labels for tags.
        VicinalError: a service refused or did not answer; what was written before stays.
    """
    found, is_new = _opened(task, graph, embedder, dataset)
    present = {
        frame_of(task.id, sample) for sample in graph.list_samples(dataset, min_revision=found.revision).ids
    }
    missing = {frame for frame in task.frames if frame not in present}
    refused: list[tuple[str, str]] = []
    part: list[Embedded[int]] = []
    outcomes = embedder.embed_many(
        task.images(missing), encoder_digest=found.encoder_digest, in_flight=_IN_FLIGHT
    )
    for done, outcome in enumerate(outcomes if missing else (), start=1):
        progress(done, len(missing))
        if outcome.error is None:
            part.append(outcome)
        else:
            refused.append((sample_of(task.id, outcome.key), outcome.error.message))
        if len(part) == _PART or (part and done == len(missing)):
            _write(graph, found, task.id, part)
            part = []
    added = len(missing) - len(refused)
    return Pushed(found, is_new, added, len(task.frames) - len(missing), refused)


def _opened(task: CvatTask, graph: GraphClient, embedder: EmbedClient, name: str) -> tuple[Dataset, bool]:
    classes = task.classes
    if len(classes) < 2:
        raise CvatProblem(
            f"the task {task.id} has {len(classes)} labels for tags, and at least two are needed",
            "give it labels of the type Tag (or Any), one for each class.",
        )
    with suppress(NotFound):
        dataset = graph.get_dataset(name)
        if new := [one for one in classes if one not in dataset.classes]:
            graph.update_dataset(name, new_classes=new)
            dataset = graph.get_dataset(name)
        _check_encoder(embedder, dataset)
        return dataset, False
    model = embedder.model()
    made = graph.create_dataset(
        name, dimension=model.dimension, classes=classes, encoder_digest=model.encoder_digest
    )
    return made, True


def _check_encoder(embedder: EmbedClient, dataset: Dataset) -> None:
    try:
        embedder.model(dataset.encoder_digest)
    except FailedPrecondition:
        raise CvatProblem(
            f"the dataset {dataset.name!r} holds vectors of an encoder that is not loaded",
            "load it with `vicinal encoders load`, or choose another --dataset.",
        ) from None


def _write(graph: GraphClient, dataset: Dataset, task: int, part: Sequence[Embedded[int]]) -> None:
    graph.add_samples(
        dataset.name,
        [sample_of(task, outcome.key) for outcome in part],
        np.stack([outcome.vector for outcome in part if outcome.vector is not None]),
        encoder_digest=dataset.encoder_digest,
        content_sha256=[outcome.content_sha256 for outcome in part],
    )
