"""The one worker of a project: takes what is marked, the most urgent first, and never gives up."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from vicinal_client import VicinalError
from vicinal_label_studio.bridge import Bridge

__all__ = ["Worker"]

_log = logging.getLogger(__name__)
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 15.0
"""Seconds between attempts while something fails: the bound doubles from the one to the other."""
_PATIENCE = 5
"""Marks after which predictions are made anew although more come."""


class Worker:
    """Works off the agenda of a bridge.

    Args:
        bridge: whose steps are done.
        compare_every: seconds between full comparisons.
        look_every: seconds between looks at Label Studio's own counts, which tell of lost events.
        settle: seconds without a mark before predictions are made anew: several labels cause one pass.
    """

    def __init__(
        self, bridge: Bridge, *, compare_every: float, look_every: float, settle: float = 0.3
    ) -> None:
        self._bridge = bridge
        self._compare_every = compare_every
        self._look_every = look_every
        self._settle = settle
        self._surveyed = 0.0
        self._looked = 0.0
        self._failures = 0

    async def run(self) -> None:
        """Work for ever. It ends only by being cancelled."""
        self._bridge.agenda.look_at_all()
        while True:
            await self.attempt()

    async def attempt(self) -> None:
        """Do what is most urgent, or wait for something to do; where it fails, pause.

        What was taken for a step that failed is marked again, or found by the full comparison that follows.
        """
        try:
            await self._step()
        except Exception as error:  # whatever it is, it is repeated, and shown meanwhile
            await self._pause_after(error)
        else:
            if self._failures:
                self._bridge.status.note("all is well again")
            self._failures, self._bridge.status.trouble = 0, None

    async def _step(self) -> None:
        bridge, agenda = self._bridge, self._bridge.agenda
        now = time.monotonic()
        if now - self._surveyed > self._compare_every:
            agenda.look_at_all()
            self._surveyed = now
        bridge.status.queued, bridge.status.to_import = len(agenda), bridge.waiting_images
        if len(agenda) and bridge.is_open:
            bridge.status.working = "looking at tasks that changed"
            await bridge.look_step()
        elif bridge.is_surveying or agenda.take_survey():
            bridge.status.working = "comparing everything"
            await bridge.survey_step()
        elif bridge.waiting_images:
            bridge.status.working = "importing images"
            await bridge.import_step()
        elif agenda.wants_refresh:
            bridge.status.working = "writing predictions"
            await self._refresh()
        else:
            bridge.status.working = None
            await self._rest(now)

    async def _rest(self, now: float) -> None:
        """Wait for a mark, and look now and then whether one was lost."""
        if now - self._looked > self._look_every:
            self._looked = now
            if await self._bridge.has_drifted():
                self._bridge.agenda.look_at_all()
        else:
            await self._bridge.agenda.wait(min(self._look_every, self._compare_every))

    async def _refresh(self) -> None:
        agenda = self._bridge.agenda
        for _ in range(_PATIENCE):
            if not agenda.take_refresh():
                break
            await agenda.wait(self._settle)
            if len(agenda) or agenda.wants_survey:
                agenda.refresh()
                return
        try:
            await self._bridge.refresh_step()
        except BaseException:
            agenda.refresh()
            raise

    async def _pause_after(self, error: Exception) -> None:
        """Forget what may be wrong, and wait a random time (full jitter)."""
        self._failures += 1
        self._bridge.status.trouble = f"{type(error).__name__}: {error}"
        level = logging.WARNING if self._failures == 1 else logging.DEBUG
        _log.log(level, "will be repeated: %s: %s", type(error).__name__, error, exc_info=_is_ours(error))
        self._bridge.start_over()
        bound = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._failures, 20))
        await asyncio.sleep(random.uniform(0, bound))  # noqa: S311 (no secret)


def _is_ours(error: Exception) -> bool:
    """Whether it is a defect of this program, whose traceback helps."""
    return not isinstance(error, VicinalError)
