"""Predictions of all open tasks, kept at what vicinal believes, in an order of what it suggests."""

from __future__ import annotations

from collections.abc import Callable

from vicinal_client import AsyncGraphClient
from vicinal_label_studio.beliefs import BeliefTable
from vicinal_label_studio.comparing import Existing, is_verified
from vicinal_label_studio.labelconfig import Question
from vicinal_label_studio.mirror import Mirror
from vicinal_label_studio.opening import Opened
from vicinal_label_studio.planning import SUGGESTED_BELOW, Wanted, differs, places, wanted_of
from vicinal_label_studio.writing import PredictionWriter

__all__ = ["Predictor"]

_PATIENCE = 5.0
"""Seconds to wait for beliefs of the revision that suggestions are from."""


class Predictor:
    """Writes the predictions of a project's open tasks.

    Args:
        graph: of the graph service.
        dataset: that stands for the project.
        table: what is believed.
        mirror: what Label Studio has.
        writer: of the predictions.
        queue: how many tasks are suggested, 1 or more.
    """

    def __init__(
        self,
        graph: AsyncGraphClient,
        dataset: str,
        table: BeliefTable,
        mirror: Mirror,
        writer: PredictionWriter,
        queue: int,
    ) -> None:
        self._graph = graph
        self._dataset = dataset
        self._table = table
        self._mirror = mirror
        self._writer = writer
        self._queue = queue
        self.suggested: list[int] = []

    async def refresh(self, opened: Opened, existing: Existing, interrupted: Callable[[], bool]) -> bool:
        """Write what differs, what annotators see next first; return whether nothing is left.

        Args:
            opened: both sides.
            existing: how far annotations are believed.
            interrupted: asked between writes; once it says so the rest is left for another time.
        """
        question = opened.question
        self.suggested = await self._suggest(opened.samples, existing)
        wanted = self._wanted(opened.samples, question)
        version = self._writer.version
        await self._writer.remove_doubles()
        has = {task: self._mirror.predictions(task, version) for task in wanted}
        await self._writer.add([one for task, one in wanted.items() if not has[task]], question)
        changed = [
            one
            for task, one in wanted.items()
            if has[task] and differs(one, has[task][0].choice, has[task][0].score)
        ]
        changed.sort(key=lambda one: self._urgency(one, has[one.task][0].choice, has[one.task][0].score))
        return await self._writer.change(changed, question, interrupted)

    def now(self, task: int, question: Question) -> Wanted:
        """Return what to predict of a task, from memory alone."""
        known = self._mirror.predictions(task, self._writer.version)
        place = known[0].score if known and known[0].score < SUGGESTED_BELOW else None
        return wanted_of(task, self._table.of(task), place, question.classes)

    async def _suggest(self, samples: set[int], existing: Existing) -> list[int]:
        """Return the open tasks to label next, the best first."""
        limits = await self._graph.limits(self._dataset)
        # What Label Studio is done with and nobody has verified for vicinal: skipped tasks, tasks without a
        # choice, labels that were given. It would be suggested, and Label Studio would never serve it.
        closed = [
            task.sample
            for task in self._mirror
            if task.id in samples and not task.is_open and not is_verified(task, existing)
        ]
        fits = len(closed) <= limits.max_suggestions
        count = min(self._queue, limits.max_suggestions) if fits else limits.max_suggestions
        picks = await self._graph.suggest(self._dataset, count, exclude=closed[: limits.max_suggestions])
        await self._table.reach(picks.revision, _PATIENCE)
        tasks = (self._mirror.of_sample(pick.sample_id) for pick in picks)
        return [task.id for task in tasks if task is not None and task.is_open][: self._queue]

    def _wanted(self, samples: set[int], question: Question) -> dict[int, Wanted]:
        version = self._writer.version
        has = {task: self._mirror.predictions(task, version) for task in self.suggested}
        placed = places(self.suggested, {task: known[0].score for task, known in has.items() if known})
        others = (task.id for task in self._mirror if task.is_open and task.id in samples)
        ordered = [*self.suggested, *(task for task in others if task not in placed)]
        return {
            task: wanted_of(task, self._table.of(task), placed.get(task), question.classes)
            for task in ordered
        }

    def _urgency(self, wanted: Wanted, choice: str | None, score: float) -> tuple[int, float]:
        """Order what annotators see next before what they see later."""
        if wanted.score < SUGGESTED_BELOW:
            return 0, wanted.score
        if score < SUGGESTED_BELOW:  # would be served although it is not suggested any more
            return 1, score
        return (2 if wanted.choice != choice else 3), wanted.score
