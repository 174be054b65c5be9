"""Labels that look wrong, shown to reviewers: a prediction of the class they should have, of its own version.

Label Studio's data manager filters tasks by the model versions of their predictions, so the prediction is the
mark as well; nothing is written into a task's own data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vicinal_client import AsyncGraphClient, FailedPrecondition
from vicinal_label_studio.labelconfig import Question
from vicinal_label_studio.mirror import Mirror
from vicinal_label_studio.objects import ANNOTATORS
from vicinal_label_studio.planning import Wanted
from vicinal_label_studio.writing import PredictionWriter

__all__ = ["SUSPECT_VERSION", "Suspicions", "suspect_view"]

SUSPECT_VERSION = "vicinal-suspect"
"""Model version of the predictions that contradict a label."""
_TOLERANCE = 0.1
_TITLE = "Suspected labels (vicinal)"


class Suspicions:
    """Writes which labels of a project look wrong.

    Args:
        graph: of the graph service.
        dataset: that stands for the project.
        mirror: what Label Studio has.
        writer: of predictions of `SUSPECT_VERSION`.
        min_suspicion: only labels at least this suspicious, 0 to 1; None ends where the expected F1 is best.
    """

    def __init__(
        self,
        graph: AsyncGraphClient,
        dataset: str,
        mirror: Mirror,
        writer: PredictionWriter,
        min_suspicion: float | None,
    ) -> None:
        self._graph = graph
        self._dataset = dataset
        self._mirror = mirror
        self._writer = writer
        self._min_suspicion = min_suspicion
        self.count = 0

    async def refresh(self, question: Question, interrupted: Callable[[], bool]) -> bool:
        """Write what differs, and return whether nothing is left."""
        wanted = await self._wanted(question)
        self.count = len(wanted)
        version = self._writer.version
        await self._writer.remove_doubles()
        has = {task: self._mirror.predictions(task, version)[0] for task in self._mirror.predicted(version)}
        await self._writer.add([one for task, one in wanted.items() if task not in has], question)
        changed = [
            one
            for task, one in wanted.items()
            if task in has
            and (one.choice != has[task].choice or abs(one.score - has[task].score) > _TOLERANCE)
        ]
        finished = await self._writer.change(changed, question, interrupted)
        await self._writer.remove([task for task in has if task not in wanted])
        return finished

    async def _wanted(self, question: Question) -> dict[int, Wanted]:
        try:
            flags = await self._graph.flag_errors(
                self._dataset, min_suspicion=self._min_suspicion, evidence=0
            )
        except FailedPrecondition:  # no label can be judged by others yet
            return {}
        wanted: dict[int, Wanted] = {}
        for flag in flags:
            task = self._mirror.of_sample(flag.label.sample_id)
            ours = flag.label.annotator.startswith(ANNOTATORS) and flag.suggested_class in question.classes
            if ours and task is not None:
                wanted.setdefault(task.id, Wanted(task.id, flag.suggested_class, flag.suspicion))
        return wanted


def suspect_view(project: int) -> dict[str, Any]:
    """Return the tab of the data manager that shows the tasks whose label is suspected."""
    only = {
        "filter": "filter:tasks:predictions_model_versions",
        "operator": "contains",
        "type": "List",
        "value": [SUSPECT_VERSION],
    }
    data = {"title": _TITLE, "filters": {"conjunction": "and", "items": [only]}}
    return {"project": project, "data": data}
