"""Predictions of one model version, written into Label Studio where they differ from what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from vicinal_label_studio.errors import TaskGone
from vicinal_label_studio.labelconfig import Question
from vicinal_label_studio.mirror import Mirror
from vicinal_label_studio.objects import Prediction
from vicinal_label_studio.planning import Wanted
from vicinal_label_studio.platform import LabelStudio

__all__ = ["PredictionWriter", "prediction_body"]

_TOGETHER = 500
"""Predictions that are added by one request."""


def prediction_body(one: Wanted, question: Question, version: str) -> dict[str, Any]:
    """Return a prediction in the form of Label Studio's JSON, without its task."""
    names = {"from_name": question.from_name, "to_name": question.to_name}
    region = {"id": "vicinal", **names, "type": "choices", "value": {"choices": [one.choice]}}
    return {
        "result": [] if one.choice is None else [region],
        "score": one.score,
        "model_version": version,
    }


class PredictionWriter:
    """Adds, changes and removes the predictions of one model version in one project.

    A prediction of an open task is changed in place and never replaced: an annotation that somebody is making
    from it in the browser names its id, and Label Studio refuses one that names a prediction that is gone.

    Args:
        platform: where they are.
        project: the project's id.
        version: the model version.
        mirror: what is known of the project; kept up with what is written.
    """

    def __init__(self, platform: LabelStudio, project: int, version: str, mirror: Mirror) -> None:
        self._platform = platform
        self._project = project
        self.version = version
        self._mirror = mirror
        self.written = 0

    async def add(self, wanted: Sequence[Wanted], question: Question) -> None:
        """Give tasks their first prediction of this version."""
        for start in range(0, len(wanted), _TOGETHER):
            part = [one for one in wanted[start : start + _TOGETHER] if one.task in self._mirror]
            bodies = [{"task": one.task, **prediction_body(one, question, self.version)} for one in part]
            await self._platform.add_predictions(self._project, bodies)
            for one in part:
                added = Prediction(None, self.version, one.choice, one.score)
                self._mirror.set_predictions(one.task, self.version, [added])
            self.written += len(part)

    async def change(
        self, wanted: Iterable[Wanted], question: Question, interrupted: Callable[[], bool]
    ) -> bool:
        """Rewrite predictions that tasks have, one by one, and return whether all were.

        Args:
            wanted: what they should be.
            question: of the project.
            interrupted: asked before each; once it says so the rest is left.
        """
        for one in wanted:
            if interrupted():
                return False
            known = await self._known(one.task)
            if known is None:
                continue
            try:
                await self._platform.change_prediction(known, **prediction_body(one, question, self.version))
            except TaskGone:
                self._mirror.set_predictions(one.task, self.version, [])
                continue
            now = Prediction(known, self.version, one.choice, one.score)
            self._mirror.set_predictions(one.task, self.version, [now])
            self.written += 1
        return True

    async def remove(self, tasks: Iterable[int]) -> None:
        """Remove all predictions of this version from tasks."""
        for task in tasks:
            for body in await self._platform.predictions_of(task):
                if body.get("model_version") == self.version:
                    await self._platform.remove_prediction(body["id"])
            self._mirror.set_predictions(task, self.version, [])

    async def remove_doubles(self) -> None:
        """Leave one prediction of this version to each task: the oldest.

        Two come about when a request's fate was not known, or Label Studio asked for one meanwhile.
        """
        for task in list(self._mirror.predicted(self.version)):
            first, *others = self._mirror.predictions(task, self.version)
            for double in others:
                if double.id is not None:
                    await self._platform.remove_prediction(double.id)
            if others:
                self._mirror.set_predictions(task, self.version, [first])

    async def _known(self, task: int) -> int | None:
        """Return the id of the task's prediction, asking for it where it was added with others."""
        predictions = self._mirror.predictions(task, self.version)
        if not predictions:
            return None
        if predictions[0].id is not None:
            return predictions[0].id
        for body in await self._platform.predictions_of(task):
            if body.get("model_version") == self.version:
                known = replace(predictions[0], id=int(body["id"]))
                self._mirror.set_predictions(task, self.version, [known])
                return known.id
        self._mirror.set_predictions(task, self.version, [])
        return None
