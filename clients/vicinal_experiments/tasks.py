"""Measurements one by one: what is to be measured, what was measured already, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock

from vicinal_experiments.results.table import Key, Table

__all__ = ["Point", "Task", "run", "single"]


@dataclass(frozen=True)
class Point:
    """What was measured at one level.

    Attributes:
        level: the number that the experiment varies: labels, noise, k, t or a bin's centre.
        metrics: name → value.
    """

    level: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Task:
    """What is measured in one go.

    Attributes:
        experiment: e.g. "active-learning".
        setting: the circumstances, e.g. "random labels".
        method: what is measured, as tables name it.
        seed: of all that is random in it.
        levels: those that `measure` yields points of; empty when that is not known before.
        measure: does the work, yielding each point when it is known.
        service: whether it asks the service; peers do not.
    """

    experiment: str
    setting: str
    method: str
    seed: int
    levels: Sequence[float]
    measure: Callable[[], Iterator[Point]]
    service: bool = True

    def key(self, level: float) -> Key:
        """Return what the rows of one level are known by."""
        return Key(self.experiment, self.setting, self.method, self.seed, level)

    def is_in(self, table: Table) -> bool:
        """Return whether it was done before."""
        if not self.levels:
            return table.has_series(self.experiment, self.setting, self.method, self.seed)
        return all(self.key(level) in table for level in self.levels)


def single(
    experiment: str,
    setting: str,
    method: str,
    seed: int,
    level: float,
    measure: Callable[[], Mapping[str, float]],
    *,
    service: bool = True,
) -> Task:
    """Return the task that measures one level."""

    def points() -> Iterator[Point]:
        yield Point(level, measure())

    return Task(experiment, setting, method, seed, (level,), points, service)


def run(tasks: Sequence[Task], table: Table, progress: Callable[[int, int], None]) -> None:
    """Do the tasks that are not in the table yet, writing down each measurement as it comes.

    What asks the service and what does not are two lanes side by side: the peers compute here while the
    service computes there. Each lane keeps the tasks' order.

    Args:
        tasks: all of them.
        table: where the measurements go.
        progress: called with how many tasks are done, and how many there are.
    """
    lanes = [[task for task in tasks if task.service is service] for service in (True, False)]
    stop, lock = Event(), Lock()
    done = 0

    def work(lane: Sequence[Task]) -> None:
        nonlocal done
        for task in lane:
            if stop.is_set():
                return
            if not task.is_in(table):
                _do(task, table, lock)
            with lock:
                done += 1
                progress(done, len(tasks))

    with ThreadPoolExecutor(len(lanes)) as pool:
        running = [pool.submit(work, lane) for lane in lanes]
        try:
            wait(running, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
    for one in running:
        one.result()


def _do(task: Task, table: Table, lock: Lock) -> None:
    start = time.perf_counter()
    found = []
    for point in task.measure():
        now = time.perf_counter()
        found.append((task.key(point.level), point.metrics, now - start))
        start = now
        if task.levels:
            with lock:
                table.add([found.pop()])
    with lock:  # where the levels are not known before: all of them or none
        table.add(found)
