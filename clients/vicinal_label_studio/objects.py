"""Label Studio's tasks, annotations and predictions, as far as vicinal is concerned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vicinal_label_studio.labelconfig import Question

__all__ = ["ANNOTATORS", "Annotation", "Prediction", "SampleNames", "Task", "read_task"]

ANNOTATORS = "label-studio:"
"""What the annotator of every label from Label Studio begins with; the user's id follows."""


@dataclass(frozen=True)
class Annotation:
    """One annotation of a task.

    Attributes:
        id: Label Studio's.
        annotator: whose it is, as labels name them.
        choice: the class chosen; None where nothing is.
        cancelled: whether the task was skipped by it.
        updated_at: when it was last changed.
    """

    id: int
    annotator: str
    choice: str | None
    cancelled: bool
    updated_at: datetime


@dataclass(frozen=True)
class Prediction:
    """One prediction that a task has.

    Attributes:
        id: Label Studio's; None for one that was added together with others and not seen since.
        version: its model version.
        choice: the class predicted; None where none is.
        score: its score; 0 where it has none.
    """

    id: int | None
    version: str
    choice: str | None
    score: float


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        id: Label Studio's.
        sample: id of the sample that stands for it.
        url: address of its image as Label Studio gives it, perhaps relative; None where there is none.
        labelled: whether Label Studio has all the annotations that it wants.
        annotations: all of them, cancelled ones included.
        predictions: all of them, of whatever model.
    """

    id: int
    sample: str
    url: str | None
    labelled: bool
    annotations: tuple[Annotation, ...]
    predictions: tuple[Prediction, ...]

    @property
    def is_open(self) -> bool:
        """Whether Label Studio may still show it to somebody for an annotation."""
        return not self.labelled


@dataclass(frozen=True)
class SampleNames:
    """The ids of the samples that stand for a project's tasks.

    They carry the project: a dataset may hold samples of others, which are none of its business, and what is
    not in the project is removed.

    Attributes:
        project: Label Studio's number of it.
    """

    project: int

    def of(self, task: int) -> str:
        """Return the id of the sample that stands for a task."""
        return f"{self._prefix}{task}"

    def task(self, sample: str) -> int | None:
        """Return the task of this project that a sample stands for, or None where it stands for none."""
        number = sample.removeprefix(self._prefix)
        return int(number) if number != sample and number.isascii() and number.isdecimal() else None

    @property
    def _prefix(self) -> str:
        return f"project-{self.project}-task-"


def read_task(body: dict[str, Any], question: Question, names: SampleNames) -> Task:
    """Return the task that `body`, JSON of Label Studio's API with all fields, describes."""
    task = int(body["id"])
    url = (body.get("data") or {}).get(question.key)
    return Task(
        task,
        names.of(task),
        url if isinstance(url, str) and url else None,
        bool(body.get("is_labeled")),
        tuple(_annotation(one, question) for one in body.get("annotations") or ()),
        tuple(_prediction(one, question) for one in body.get("predictions") or ()),
    )


def _annotation(body: dict[str, Any], question: Question) -> Annotation:
    user = body.get("completed_by")
    number = user.get("id") if isinstance(user, dict) else user
    return Annotation(
        int(body["id"]),
        f"{ANNOTATORS}{'nobody' if number is None else number}",
        _choice(body.get("result"), question),
        bool(body.get("was_cancelled")),
        datetime.fromisoformat(body["updated_at"]),
    )


def _prediction(body: dict[str, Any], question: Question) -> Prediction:
    score = body.get("score")
    return Prediction(
        int(body["id"]),
        body.get("model_version") or "",
        _choice(body.get("result"), question),
        0.0 if score is None else float(score),
    )


def _choice(result: Any, question: Question) -> str | None:
    return next(_choices(result, question), None)


def _choices(result: Any, question: Question) -> Iterator[str]:
    for region in result if isinstance(result, list) else ():
        if isinstance(region, dict) and region.get("from_name") == question.from_name:
            chosen = (region.get("value") or {}).get("choices") or ()
            yield from (one for one in chosen if isinstance(one, str))
