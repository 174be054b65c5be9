"""What vicinal believes of each task, kept in memory by watching, so that predictions cost a look-up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from vicinal_client import AsyncGraphClient, BeliefChanges, NotFound, VicinalError
from vicinal_label_studio.objects import SampleNames

__all__ = ["Belief", "BeliefTable", "follow"]

_log = logging.getLogger(__name__)
_MIN_CHANGE = 0.01
_PAUSE = 0.5
"""Seconds before watching is tried again."""


@dataclass(frozen=True)
class Belief:
    """What is believed of one task.

    Attributes:
        choice: the class; None when no label reaches it.
        confidence: belief in that class, 0 to 1.
    """

    choice: str | None
    confidence: float


UNKNOWN = Belief(None, 0.0)


class BeliefTable:
    """The belief of every task, as of one revision.

    Args:
        names: of the samples that stand for tasks; others are passed over.

    Attributes:
        revision: the revision; 0 before the first.
    """

    def __init__(self, names: SampleNames) -> None:
        self._names = names
        self.revision = 0
        self._classes: tuple[str, ...] = ()
        self._beliefs: dict[int, Belief] = {}
        self._moved = asyncio.Event()

    def __len__(self) -> int:
        """Return of how many tasks something is known."""
        return len(self._beliefs)

    def of(self, task: int) -> Belief:
        """Return what is believed of a task; of one that is not known, nothing."""
        return self._beliefs.get(task, UNKNOWN)

    def lacks_classes(self, changes: BeliefChanges) -> bool:
        """Whether `changes` name classes that the table has no names for."""
        return int(changes.classes.max(initial=-1)) >= len(self._classes)

    def name_classes(self, classes: tuple[str, ...]) -> None:
        """Take the names of the classes; more may be appended, those that are there keep their place."""
        self._classes = classes

    def take(self, changes: BeliefChanges) -> None:
        """Take in what moved."""
        if changes.is_whole:
            self._beliefs.clear()
        for name in changes.left:
            self._beliefs.pop(self._names.task(name) or 0, None)
        columns = changes.sample_ids, changes.classes.tolist(), changes.confidences.tolist()
        for name, index, confidence in zip(*columns, strict=True):
            task = self._names.task(name)
            if task is not None:
                self._beliefs[task] = Belief(self._classes[index] if index >= 0 else None, confidence)
        self.revision = changes.revision
        self._moved.set()

    async def reach(self, revision: int, timeout: float) -> None:
        """Return when the table is of `revision` at least, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self.revision < revision:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return


async def follow(
    graph: AsyncGraphClient, dataset: str, table: BeliefTable, moved: Callable[[], None]
) -> None:
    """Keep `table` up for ever, and call `moved` after each change.

    Never gives up: where the service is away, or the dataset is not made yet, it tries again.
    """
    level = logging.INFO
    while True:
        try:
            async with aclosing(
                graph.watch_beliefs(dataset, min_change=_MIN_CHANGE, min_revision=0)
            ) as stream:
                async for changes in stream:
                    if table.lacks_classes(changes):
                        table.name_classes((await graph.get_dataset(dataset)).classes)
                    table.take(changes)
                    moved()
                    level = logging.INFO
        except NotFound:
            _log.debug("the dataset %s is not there yet", dataset)
        except VicinalError as error:
            _log.log(level, "watching beliefs broke off, and is tried again: %s", error)
            level = logging.DEBUG  # said once
        except Exception:  # a defect must not end it for good
            _log.exception("watching beliefs broke off, and is tried again")
        await asyncio.sleep(_PAUSE)
