"""Suggestions and suspicions become issues of a task."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vicinal_client import Dataset, Evidence, Flag, GraphClient, Reason, Suggestion
from vicinal_cvat.names import frame_of, sample_of
from vicinal_cvat.notes import Kind, Note, check_text, compare, next_text
from vicinal_cvat.syncing import ANNOTATOR

if TYPE_CHECKING:
    from vicinal_cvat.platform import CvatTask

__all__ = ["Pulled", "pull"]

_EVIDENCE = 3


@dataclass(frozen=True)
class Pulled:
    """What came of it.

    Attributes:
        suggested: frames suggested now, best first.
        suspected: frames whose tag looks wrong, the most suspicious first.
        written: issues made.
        deleted: issues of vicinal's that were not wanted any more, deleted.
    """

    suggested: tuple[int, ...]
    suspected: tuple[int, ...]
    written: int
    deleted: int


def pull(
    task: CvatTask,
    graph: GraphClient,
    dataset: str,
    *,
    count: int,
    audit_share: float = 0.0,
    min_suspicion: float | None = None,
) -> Pulled:
    """Bring vicinal's issues on `task` up to date.

    A resolved one is a person's answer: its frame is not suggested again, its doubt not raised again.

    Args:
        task: the task, whose frames are samples of the dataset.
        graph: client of the graph service.
        dataset: its name.
        count: most frames to suggest; 0 suggests none.
        audit_share: share of them, 0 to 1, that is drawn at random, so that `estimate_accuracy` can say how
            many beliefs are right.
        min_suspicion: least probability that a tag is wrong, 0 to 1; None lets the service decide.

    Raises:
        CvatError: CVAT refused or did not answer.
        VicinalError: the service refused or did not answer.
    """
    present = task.notes()
    # What lies in nobody's job nobody can open, and what was answered nobody need see again.
    open_frames = {frame for job in task.jobs() for frame in job.frames}
    declined = {note.frame for note in present if note.resolved and note.kind is Kind.NEXT}
    newest = graph.get_dataset(dataset)
    suggested = _suggested(graph, newest, task.id, open_frames - declined, declined, count, audit_share)
    suspected = [
        (frame, flag)
        for flag in graph.flag_errors(
            dataset, min_suspicion=min_suspicion, evidence=_EVIDENCE, min_revision=newest.revision
        )
        if flag.label.annotator == ANNOTATOR
        and (frame := frame_of(task.id, flag.label.sample_id)) in open_frames
    ]
    wanted = [
        Note(frame, next_text(rank, len(suggested), _why(one, newest.classes)))
        for rank, (frame, one) in enumerate(suggested, start=1)
    ]
    wanted += [Note(frame, _doubt(task.id, flag)) for frame, flag in suspected if frame is not None]
    change = compare(present, wanted)
    task.delete_notes(change.remove)
    written = task.write_notes(change.add)
    return Pulled(
        tuple(frame for frame, _ in suggested),
        tuple(frame for frame, _ in suspected if frame is not None),
        written,
        len(change.remove),
    )


def _suggested(
    graph: GraphClient,
    dataset: Dataset,
    task: int,
    frames: Collection[int],
    declined: Collection[int],
    count: int,
    audit_share: float,
) -> Sequence[tuple[int, Suggestion]]:
    """Return the best `count` suggestions among `frames`: the dataset may hold other tasks' frames too."""
    if count == 0:
        return []
    limits = graph.limits(dataset.name)
    exclude = [sample_of(task, frame) for frame in sorted(declined)][: limits.max_suggestions]
    asked = count
    while True:
        asked = min(asked, limits.max_suggestions)
        found = graph.suggest(
            dataset.name, asked, audit_share=audit_share, exclude=exclude, min_revision=dataset.revision
        )
        ours = [(frame, one) for one in found if (frame := frame_of(task, one.sample_id)) in frames]
        if len(ours) >= count or len(found) < asked or asked == limits.max_suggestions:
            return [(frame, one) for frame, one in ours[:count] if frame is not None]
        asked *= 4


def _why(one: Suggestion, classes: Sequence[str]) -> str:
    believed = classes[one.class_index] if 0 <= one.class_index < len(classes) else None
    rival = classes[one.rival_class_index] if 0 <= one.rival_class_index < len(classes) else None
    if one.reason is Reason.COVERAGE:
        return f"stands for {one.represents:,} like it that nobody labelled"
    if one.reason in {Reason.RANDOM, Reason.AUDIT} or believed is None:
        return "no label reaches it" if believed is None else "drawn at random"
    return f'"{believed}" or "{rival}"?' if rival else f'perhaps "{believed}"'


def _doubt(task: int, flag: Flag) -> str:
    seen = _shown(task, flag.evidence)
    return check_text(flag.label.class_name, flag.suggested_class, flag.suspicion, seen)


def _shown(task: int, evidence: Sequence[Evidence]) -> Iterator[str]:
    for one in evidence:
        frame = frame_of(task, one.sample_id)
        yield one.sample_id if frame is None else f"frame {frame}"
