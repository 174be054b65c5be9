"""What a project asks and what its dataset holds, read before anything is compared."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from vicinal_client import AlreadyExists, AsyncEmbedClient, AsyncGraphClient, Dataset, NotFound
from vicinal_label_studio.labelconfig import Question, question_of
from vicinal_label_studio.objects import SampleNames
from vicinal_label_studio.platform import LabelStudio, Project

__all__ = ["TITLE", "Opened", "open_both"]

TITLE = "vicinal"
"""Title of the ML back end in Label Studio."""


@dataclass(frozen=True)
class Opened:
    """Both sides as they were found.

    Attributes:
        project: Label Studio's project.
        question: what it asks.
        dataset: that stands for it, with all classes of the question.
        samples: tasks whose image the dataset has; kept up as they come and go.
        connected_at: when Label Studio was connected to the back end; None while it is not.
    """

    project: Project
    question: Question
    dataset: Dataset
    samples: set[int]
    connected_at: datetime | None


async def open_both(
    platform: LabelStudio,
    graph: AsyncGraphClient,
    embed: AsyncEmbedClient,
    project: int,
    dataset: str,
    model_version: str,
) -> Opened:
    """Read both sides. The dataset is made on first use, and grows with the project's classes.

    Args:
        platform: Label Studio.
        graph: of the graph service.
        embed: of the embedding service, whose encoder a new dataset is bound to.
        project: the project's id.
        dataset: name of the dataset.
        model_version: of the back end, by which it is known to Label Studio.

    Raises:
        ConfigRefused: vicinal cannot answer what the project asks.
        VicinalError: a side is away or refuses.
    """
    found = await platform.project(project)
    question = question_of(found.label_config)
    known = await _dataset(graph, embed, dataset, question.classes)
    listed = await graph.list_samples(dataset)
    names = SampleNames(project)
    tasks = (names.task(name) for name in listed.ids)
    samples = {task for task in tasks if task is not None}
    return Opened(found, question, known, samples, await _connected_at(platform, project, model_version))


async def _dataset(
    graph: AsyncGraphClient, embed: AsyncEmbedClient, name: str, classes: Sequence[str]
) -> Dataset:
    with suppress(NotFound):
        return await graph.add_classes(name, classes)
    model = await embed.model()
    with suppress(AlreadyExists):
        await graph.create_dataset(
            name, dimension=model.dimension, classes=classes, encoder_digest=model.encoder_digest
        )
    return await graph.add_classes(name, classes)


async def _connected_at(platform: LabelStudio, project: int, model_version: str) -> datetime | None:
    for backend in await platform.backends(project):
        if backend.get("title") == TITLE or backend.get("model_version") == model_version:
            return datetime.fromisoformat(backend["created_at"])
    return None
