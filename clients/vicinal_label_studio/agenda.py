"""What is still to be looked at: without repetition, bounded, and never forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

__all__ = ["MOST_TASKS", "Agenda"]

MOST_TASKS = 10_000
"""Tasks that are remembered one by one; where more change, all are looked at."""


class Agenda:
    """Marks of what has changed, taken by one worker.

    A mark says "look again", so one made twice means no more than one, and the order says nothing.
    """

    def __init__(self) -> None:
        self._tasks: dict[int, None] = {}
        self._survey = False
        self._refresh = False
        self._marked = asyncio.Event()

    def __len__(self) -> int:
        """Return how many tasks are marked."""
        return len(self._tasks)

    @property
    def wants_survey(self) -> bool:
        """Whether everything must be looked at."""
        return self._survey

    @property
    def wants_refresh(self) -> bool:
        """Whether predictions and flags must be made anew."""
        return self._refresh

    def look_at(self, tasks: Iterable[int]) -> None:
        """Mark tasks."""
        self._tasks.update(dict.fromkeys(tasks))
        if len(self._tasks) > MOST_TASKS:
            self._tasks.clear()
            self._survey = True
        self._marked.set()

    def look_at_all(self) -> None:
        """Mark everything."""
        self._survey = True
        self._marked.set()

    def refresh(self) -> None:
        """Mark predictions and flags."""
        self._refresh = True
        self._marked.set()

    def take_tasks(self, most: int) -> list[int]:
        """Take the `most` tasks that have waited longest. They are the caller's to mark again if it fails."""
        taken = list(self._tasks)[:most]
        for task in taken:
            del self._tasks[task]
        return taken

    def take_survey(self) -> bool:
        """Take the mark of everything, if there is one."""
        wanted, self._survey = self._survey, False
        return wanted

    def take_refresh(self) -> bool:
        """Take the mark of predictions and flags, if there is one."""
        wanted, self._refresh = self._refresh, False
        return wanted

    async def wait(self, timeout: float) -> None:
        """Return when something was marked since the last call, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._marked.wait()
        except TimeoutError:
            return
        finally:
            self._marked.clear()
