"""The project as Label Studio was last seen to have it: a cache, forgotten with the process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from vicinal_label_studio.objects import Prediction, SampleNames, Task

__all__ = ["Mirror"]


class Mirror:
    """Every task as it was last seen.

    Args:
        names: of the samples that stand for tasks.
    """

    def __init__(self, names: SampleNames) -> None:
        self._names = names
        self._tasks: dict[int, Task] = {}
        self._task_of: dict[int, int] = {}

    def __len__(self) -> int:
        """Return how many tasks there are."""
        return len(self._tasks)

    def __iter__(self) -> Iterator[Task]:
        """Yield every task."""
        return iter(self._tasks.values())

    def __contains__(self, task: int) -> bool:
        """Whether a task is known."""
        return task in self._tasks

    def get(self, task: int) -> Task | None:
        """Return a task, or None where it is not known."""
        return self._tasks.get(task)

    def of_sample(self, sample: str) -> Task | None:
        """Return the task that a sample stands for, or None where it is not known."""
        task = self._names.task(sample)
        return None if task is None else self._tasks.get(task)

    def see(self, tasks: Iterable[Task]) -> None:
        """Take tasks as they were just seen."""
        for task in tasks:
            self.forget(task.id)
            self._tasks[task.id] = task
            self._task_of.update((one.id, task.id) for one in task.annotations)

    def forget(self, task: int) -> None:
        """Forget a task that is gone."""
        known = self._tasks.pop(task, None)
        for one in known.annotations if known else ():
            self._task_of.pop(one.id, None)

    def tasks_of(self, annotations: Iterable[int]) -> list[int] | None:
        """Return the tasks that annotations belonged to, or None where one of them was never seen."""
        found = [self._task_of.get(one) for one in annotations]
        known = [task for task in found if task is not None]
        return known if len(known) == len(found) else None

    def predictions(self, task: int, version: str) -> list[Prediction]:
        """Return the predictions of a task that are of a model version, the oldest first."""
        known = self._tasks.get(task)
        return [one for one in known.predictions if one.version == version] if known else []

    def predicted(self, version: str) -> Iterator[int]:
        """Yield the tasks that have a prediction of a model version."""
        for task in self._tasks.values():
            if any(one.version == version for one in task.predictions):
                yield task.id

    def set_predictions(self, task: int, version: str, now: Iterable[Prediction]) -> None:
        """Take note of all predictions of a model version that a task has now."""
        known = self._tasks.get(task)
        if known is not None:
            others = tuple(one for one in known.predictions if one.version != version)
            self._tasks[task] = replace(known, predictions=(*others, *now))

    def counts(self) -> tuple[int, int, int]:
        """Return how many tasks, annotations, and cancelled annotations there are."""
        cancelled = sum(one.cancelled for task in self for one in task.annotations)
        return len(self._tasks), sum(len(task.annotations) for task in self) - cancelled, cancelled
