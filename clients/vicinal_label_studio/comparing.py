"""Annotations beside labels: what must be written so that vicinal says what Label Studio says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from vicinal_client import Label, LabelKey, Trust, label_difference
from vicinal_label_studio.objects import ANNOTATORS, Annotation, Task

__all__ = ["Difference", "Existing", "difference", "is_verified", "labels_of"]


@dataclass(frozen=True)
class Existing:
    """How far to believe annotations that were there before vicinal was.

    Attributes:
        trust: what they get.
        connected_at: when the back end was connected; None where it is not yet, and all are from before.
    """

    trust: Trust
    connected_at: datetime | None

    def trust_of(self, annotation: Annotation) -> Trust:
        """Return the trust of the label that an annotation states; one changed since was looked at since."""
        if self.connected_at is not None and annotation.updated_at >= self.connected_at:
            return Trust.VERIFIED
        return self.trust


@dataclass(frozen=True)
class Difference:
    """What to write.

    Attributes:
        add: labels to state; they replace those of their sample and annotator.
        remove: labels to take back.
        unknown: tasks with an annotation whose choice is no class of the dataset, and that choice.
    """

    add: tuple[Label, ...]
    remove: tuple[LabelKey, ...]
    unknown: tuple[tuple[int, str], ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


def labels_of(task: Task, existing: Existing) -> dict[str, Label]:
    """Return the label that each annotator states by the annotations of a task.

    Someone's last annotation counts; those that skip the task or choose nothing do not.
    """
    stated: dict[str, Label] = {}
    for one in sorted(task.annotations, key=lambda one: (one.updated_at, one.id)):
        if one.choice is not None and not one.cancelled:
            trust = existing.trust_of(one)
            stated[one.annotator] = Label(task.sample, one.choice, one.annotator, trust)
    return stated


def is_verified(task: Task, existing: Existing) -> bool:
    """Whether some label that the annotations of a task state is verified."""
    return any(label.trust is Trust.VERIFIED for label in labels_of(task, existing).values())


def difference(
    tasks: Iterable[Task], labels: Sequence[Label], classes: Sequence[str], existing: Existing
) -> Difference:
    """Return what must be written so that the labels of these tasks' samples are what annotators state.

    Labels of others (whose annotator does not begin with `ANNOTATORS`), and of other samples, are left alone.

    Args:
        tasks: those that were looked at, each of which has a sample.
        labels: all that the dataset holds.
        classes: that the dataset has.
        existing: how far to believe what was there before.
    """
    looked_at = {task.sample: task for task in tasks}
    present = (
        label for label in labels if label.sample_id in looked_at and label.annotator.startswith(ANNOTATORS)
    )
    stated = [(task.id, label) for task in looked_at.values() for label in labels_of(task, existing).values()]
    known = set(classes)
    found = label_difference(present, (label for _, label in stated if label.class_name in known))
    unknown = tuple((task, label.class_name) for task, label in stated if label.class_name not in known)
    return Difference(found.add, found.remove, unknown)
