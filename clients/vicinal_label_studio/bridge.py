"""One project and its dataset, kept the same: what the worker does, step by step.

Each step is small, reads what is there now and writes only what differs, so any of them may fail, be repeated
or be interrupted by the death of either side.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vicinal_client import AsyncEmbedClient, AsyncGraphClient, Trust
from vicinal_label_studio.agenda import Agenda
from vicinal_label_studio.beliefs import BeliefTable
from vicinal_label_studio.comparing import Existing
from vicinal_label_studio.contract import Event
from vicinal_label_studio.errors import LabelStudioError
from vicinal_label_studio.flags import SUSPECT_VERSION, Suspicions
from vicinal_label_studio.importing import BATCH, FetchRules, Importer
from vicinal_label_studio.labelling import Labeller
from vicinal_label_studio.mirror import Mirror
from vicinal_label_studio.objects import SampleNames, read_task
from vicinal_label_studio.opening import TITLE, Opened, open_both
from vicinal_label_studio.platform import PAGE, LabelStudio, Project
from vicinal_label_studio.predicting import Predictor
from vicinal_label_studio.status import Status
from vicinal_label_studio.writing import PredictionWriter, prediction_body

__all__ = ["Bridge", "Wishes"]

_log = logging.getLogger(__name__)
_ELSEWHERE = ("START_TRAINING", "LABEL_LINK")
"""Events that say nothing of annotations or tasks. Nothing need be trained: labels spread by themselves."""

_UNCHOSEN = ("", TITLE)
"""Model versions of a project for which nobody has chosen one."""


@dataclass(frozen=True)
class Wishes:
    """What the operator asked for.

    Attributes:
        project: Label Studio's number of the project.
        dataset: name of the dataset.
        existing: how far to believe annotations from before the back end was connected.
        queue: how many tasks are suggested at a time.
        min_suspicion: which labels are shown as suspected; None leaves it to the flags' own rule.
        fetch: which images may be fetched.
    """

    project: int
    dataset: str
    existing: Trust = Trust.VERIFIED
    queue: int = 20
    min_suspicion: float | None = None
    fetch: FetchRules = field(default_factory=FetchRules)

    @property
    def model_version(self) -> str:
        """Version of the predictions; it does not change as labels come."""
        return f"vicinal-{self.dataset}"


class Bridge:
    """Keeps one dataset what one project says. To be closed.

    Args:
        wishes: of the operator.
        platform: Label Studio.
        graph: of the graph service.
        embed: of the embedding service.
    """

    def __init__(
        self, wishes: Wishes, platform: LabelStudio, graph: AsyncGraphClient, embed: AsyncEmbedClient
    ) -> None:
        self.wishes = wishes
        self.agenda = Agenda()
        self._names = SampleNames(wishes.project)
        self.table = BeliefTable(self._names)
        self.status = Status(wishes.project, wishes.dataset, wishes.model_version)
        self._mirror = Mirror(self._names)
        self._platform = platform
        self._graph = graph
        self._embed = embed
        self._labeller = Labeller(graph, wishes.dataset, wishes.existing, self.status)
        self._importer = Importer(platform, embed, graph, wishes.fetch)
        writer = PredictionWriter(platform, wishes.project, wishes.model_version, self._mirror)
        suspects = PredictionWriter(platform, wishes.project, SUSPECT_VERSION, self._mirror)
        self._writers = (writer, suspects)
        self._predictor = Predictor(graph, wishes.dataset, self.table, self._mirror, writer, wishes.queue)
        self._suspicions = Suspicions(graph, wishes.dataset, self._mirror, suspects, wishes.min_suspicion)
        self._opened: Opened | None = None
        self._survey: AsyncGenerator[None, None] | None = None
        self._to_import: deque[int] = deque()
        self._offset: tuple[int, ...] = (0, 0, 0)

    @property
    def is_open(self) -> bool:
        """Whether the project and the dataset are known."""
        return self._opened is not None

    @property
    def is_surveying(self) -> bool:
        """Whether a full comparison is under way."""
        return self._survey is not None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to do."""
        marked = len(self.agenda) or self.agenda.wants_survey or self.agenda.wants_refresh
        return not (marked or self.is_surveying or self._to_import)

    @property
    def waiting_images(self) -> int:
        """How many images wait to be imported."""
        return len(self._to_import)

    async def aclose(self) -> None:
        """Close the connections to where images are; the clients stay open."""
        await self._importer.aclose()

    def start_over(self) -> None:
        """Trust nothing that is remembered: something went wrong that remembering may have caused."""
        self._survey = None
        self.agenda.look_at_all()

    def hear(self, event: Event) -> None:
        """Mark what an event concerns; where it does not say, everything."""
        self.status.hear(event.action)
        if event.action.startswith(_ELSEWHERE):
            return
        tasks = self._mirror.tasks_of(event.annotations)
        concerned = [*event.tasks, *(tasks or ())]
        if tasks is None or not concerned:
            self.agenda.look_at_all()
        else:
            self.agenda.look_at(concerned)

    def predictions(self, tasks: Sequence[int]) -> list[dict[str, Any]]:
        """Return what to predict of tasks, from memory alone, in the form of Label Studio's JSON."""
        version = self.wishes.model_version
        if self._opened is None:  # nothing is known yet; the worker writes predictions as soon as it is
            return [{"result": [], "score": 0.0, "model_version": version} for _ in tasks]
        question = self._opened.question
        wanted = (self._predictor.now(task, question) for task in tasks)
        return [prediction_body(one, question, version) for one in wanted]

    async def survey_step(self) -> None:
        """Do the next page of the full comparison, and begin one if none is under way."""
        if self._survey is None:
            self._survey = self._surveying()
        try:
            await anext(self._survey)
        except StopAsyncIteration:
            self._survey = None

    async def look_step(self) -> None:
        """Look at marked tasks, the longest waiting first, and write what differs."""
        ids = self.agenda.take_tasks(PAGE)
        try:
            await self._look(ids)
        except BaseException:
            self.agenda.look_at(ids)
            raise
        self.agenda.refresh()

    async def import_step(self) -> None:
        """Import the next images, and write the labels that waited for them."""
        opened = self._now()
        ids = [self._to_import.popleft() for _ in range(min(BATCH, len(self._to_import)))]
        known = (self._mirror.get(one) for one in ids)
        tasks = [task for task in known if task is not None and task.id not in opened.samples]
        failed = await self._importer.add(self.wishes.dataset, opened.dataset.encoder_digest, tasks)
        done = [task for task in tasks if task.id not in failed]
        opened.samples.update(task.id for task in done)
        for task in done:
            self.status.failed.pop(task.id, None)
        self.status.failed.update(failed)
        self.status.imported = len(opened.samples)
        _log.info("imported %d of %d images, %d failed", len(done), len(tasks), len(failed))
        # What was seen of them may be old by now; whoever labelled one meanwhile has marked it.
        await self._labeller.write([task for task in done if task.annotations], opened)
        self.agenda.refresh()

    async def refresh_step(self) -> None:
        """Write predictions and flags that differ, until something more urgent is marked."""
        opened = self._now()
        existing = Existing(self.wishes.existing, opened.connected_at)
        finished = await self._predictor.refresh(opened, existing, self._is_urgent)
        if finished:
            finished = await self._suspicions.refresh(opened.question, self._is_urgent)
        self.status.predictions = sum(writer.written for writer in self._writers)
        self.status.suspected = self._suspicions.count
        if opened.project.model_version in _UNCHOSEN:
            await self._serve_our_predictions()
        if not finished:
            self.agenda.refresh()

    async def has_drifted(self) -> bool:
        """Whether Label Studio counts other than what was seen of it: an event was lost."""
        project = await self._platform.project(self.wishes.project)
        self.status.tasks = project.tasks
        return not len(self.agenda) and self._off(project) != self._offset

    def _now(self) -> Opened:
        if self._opened is None:
            raise LabelStudioError("the project is not known yet")
        return self._opened

    def _is_urgent(self) -> bool:
        return bool(len(self.agenda)) or self.agenda.wants_survey

    def _off(self, project: Project) -> tuple[int, ...]:
        """Return by how much Label Studio counts more than was seen. It moves only when an event is lost."""
        counted = project.tasks, project.annotations, project.cancelled
        return tuple(there - seen for there, seen in zip(counted, self._mirror.counts(), strict=True))

    async def _surveying(self) -> AsyncGenerator[None, None]:
        """Compare everything, a page a step."""
        wishes, platform = self.wishes, self._platform
        opened = await open_both(
            platform, self._graph, self._embed, wishes.project, wishes.dataset, wishes.model_version
        )
        self._opened, self.status.connected_at = opened, opened.connected_at
        self.status.tasks, self.status.imported = opened.project.tasks, len(opened.samples)
        self._to_import.clear()
        seen: set[int] = set()
        async for page in platform.all_tasks(wishes.project):
            seen.update(await self._compare(page))
            yield
        missing = sorted((opened.samples | {task.id for task in self._mirror}) - seen)
        for start in range(0, len(missing), PAGE):
            await self._look(missing[start : start + PAGE])
            yield
        self._offset = self._off(await platform.project(wishes.project))
        self.status.surveys += 1
        self.status.surveyed_at = datetime.now(UTC)
        self.agenda.refresh()

    async def _compare(self, bodies: list[dict[str, Any]]) -> set[int]:
        """Write the labels of tasks that have a sample, line the others up to be imported; return all."""
        opened = self._now()
        tasks = [read_task(body, opened.question, self._names) for body in bodies]
        self._mirror.see(tasks)
        waiting = set(self._to_import)
        new = (task.id for task in tasks if task.id not in opened.samples and task.id not in waiting)
        self._to_import.extend(new)
        await self._labeller.write([task for task in tasks if task.id in opened.samples], opened)
        return {task.id for task in tasks}

    async def _look(self, ids: Sequence[int]) -> None:
        """Look at tasks by their ids, and remove the samples of those that are gone."""
        there = await self._compare(await self._platform.some_tasks(self.wishes.project, ids))
        gone, samples = set(ids) - there, self._now().samples
        removed = sorted(gone & samples)
        if removed:
            await self._graph.remove_samples(self.wishes.dataset, [self._names.of(task) for task in removed])
            self.status.note(f"{len(removed)} tasks are gone, and their samples with them")
        samples -= gone
        self.status.imported = len(samples)
        for task in gone:
            self._mirror.forget(task)
            self.status.failed.pop(task, None)
            self.status.unknown.pop(task, None)

    async def _serve_our_predictions(self) -> None:
        """Let annotators see our predictions, once there are some, where nobody has chosen others.

        Label Studio sets the title of a back end that is connected, and does not take a version before it
        has a prediction.
        """
        ours = self.wishes.model_version
        if next(self._mirror.predicted(ours), None) is None:
            return
        project = await self._platform.project(self.wishes.project)
        if project.model_version in _UNCHOSEN:
            await self._platform.change_project(self.wishes.project, model_version=ours)
