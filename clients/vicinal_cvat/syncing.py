"""Labels both ways, by comparison: what is there is read on both sides, and the difference is written.

People's and imported tags become labels of one annotator, CVAT. What others state in vicinal, and beliefs if
asked for, become automatic tags, which are never read as labels: nothing comes back as an echo. So a run that
was lost, doubled or cut short is made good by the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vicinal_client import GraphClient, Label, label_difference
from vicinal_cvat.names import frame_of, sample_of
from vicinal_cvat.tags import Stated, agreed, changes, stated

if TYPE_CHECKING:
    from vicinal_cvat.platform import CvatTask

__all__ = ["ANNOTATOR", "Synced", "sync"]

ANNOTATOR = "cvat"
"""Whose labels the tags are. CVAT's API does not say who made a tag."""


@dataclass(frozen=True)
class Synced:
    """What was written.

    Attributes:
        stated: labels stated.
        removed: labels taken back.
        tagged: automatic tags added in CVAT.
        untagged: automatic tags deleted there.
        unclear: frames with tags of several classes; they state nothing.
        absent: frames with a tag that are no samples yet; `push` makes them some.
    """

    stated: int
    removed: int
    tagged: int
    untagged: int
    unclear: tuple[int, ...]
    absent: int


def sync(
    task: CvatTask,
    graph: GraphClient,
    dataset: str,
    *,
    completed: bool = False,
    beliefs: float | None = None,
) -> Synced:
    """Bring the labels of `dataset` and the tags of `task` to agree. Classes that are new are appended.

    Args:
        task: the task, whose frames are samples of the dataset.
        graph: client of the graph service.
        dataset: its name.
        completed: automatic tags in jobs that are declared completed count as looked at.
        beliefs: also tag frames that nobody labelled with what is believed of them, from this confidence on,
            0 to 1; None leaves them.

    Raises:
        CvatError: CVAT refused or did not answer.
        VicinalError: the service refused or did not answer.
    """
    tags = task.tags()
    jobs = task.jobs() if completed else ()
    looked_at = {frame for job in jobs if job.completed for frame in job.frames}
    said = stated(tags, looked_at)
    listed = graph.list_samples(dataset).ids
    samples = {sample for sample in listed if frame_of(task.id, sample) is not None}
    labels = [label for label in graph.list_labels(dataset).labels if label.sample_id in samples]
    every = _labels(task.id, said)
    there = [label for label in every if label.sample_id in samples]
    found = label_difference((label for label in labels if label.annotator == ANNOTATOR), there)
    if found.add:
        graph.add_classes(dataset, (label.class_name for label in found.add))
        graph.add_labels(dataset, found.add)
    if found.remove:
        graph.remove_labels(dataset, found.remove)
    others = agreed(label for label in labels if label.annotator != ANNOTATOR)
    believed = {} if beliefs is None else _believed(graph, dataset, beliefs)
    back = changes(tags, _by_frame(task, {**believed, **others}), looked_at)
    task.delete_tags(back.remove)
    task.write_tags(back.add)
    absent = len(every) - len(there)
    return Synced(len(found.add), len(found.remove), len(back.add), len(back.remove), said.unclear, absent)


def _labels(task: int, said: Stated) -> list[Label]:
    return [
        Label(sample_of(task, frame), class_name, ANNOTATOR, trust)
        for frame, (class_name, trust) in said.labels.items()
    ]


def _believed(graph: GraphClient, dataset: str, least: float) -> dict[str, str]:
    """Return sample → class of every belief that is confident enough."""
    newest = graph.get_dataset(dataset)
    found, classes = graph.export_beliefs(dataset, min_revision=newest.revision), newest.classes
    columns = found.sample_ids, found.classes.tolist(), found.confidences.tolist()
    return {
        sample: classes[index]
        for sample, index, confidence in zip(*columns, strict=True)
        if 0 <= index < len(classes) and confidence >= least
    }


def _by_frame(task: CvatTask, wanted: Mapping[str, str]) -> dict[int, str]:
    """Return frame → class of what concerns this task and what it has a label for."""
    frames, classes = {*task.frames}, {*task.classes}
    found = ((frame_of(task.id, sample), class_name) for sample, class_name in wanted.items())
    return {frame: name for frame, name in found if frame is not None and frame in frames and name in classes}
