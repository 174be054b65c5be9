"""One task forms batches across callers, one thread runs them; failure and recovery."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from embed_service.batching.pace import Pace, sizes_up_to
from embed_service.batching.turns import Priority, Turns
from vicinal.wire.errors import Unavailable

__all__ = ["BatchEncoder", "BatchRunner", "Input", "Ran", "Report", "shutting_down"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

Input = npt.NDArray[np.floating[Any]]
"""One picture as the encoder takes it in, (3, size, size)."""

Report = Callable[[bool], Awaitable[None]]
"""Told True when the encoder works and False when it does not."""

_Refusal = Callable[[], Unavailable]

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_RETRY_AFTER = 1.0

_PROBED = 8
"""Images of noise that tell what a run of one size costs, unless one batch has more."""


class BatchEncoder(Protocol):
    """What the runner needs of an encoder; called from one thread at a time."""

    @property
    def padded(self) -> bool:
        """Whether batches should have few sizes, because each is prepared for on its own."""
        ...

    def embed(self, inputs: Sequence[Input], size: int, /) -> npt.NDArray[np.float32]:
        """Return float32 (len(inputs), dimension), run as a batch of `size` ≥ that; raise when it cannot."""
        ...

    def probe(self, count: int, /) -> None:
        """Run `count` pictures of noise; raise when it does not work."""
        ...


@dataclass(frozen=True, eq=False)
class Ran:
    """The encoder's answer for one image.

    Attributes:
        vector: float32 (dimension,).
        started: when its batch went to the encoder, on `time.perf_counter`.
        seconds: how long the encoder ran on that batch.
    """

    vector: npt.NDArray[np.float32]
    started: float
    seconds: float


@dataclass(frozen=True, eq=False)
class _Job:
    image: Input
    answer: asyncio.Future[Ran]


class BatchRunner:
    """Runs images through the encoder, in batches of whatever has gathered while the last one ran.

    Where the encoder was idle and images come fast, a batch may wait a moment to grow (see `Pace`). A failed
    inference fails its batch and turns new work away; the encoder is then probed, ever more rarely, until it
    works again. Work still waiting when the first probe fails too is refused. Every job is answered, or
    refused, or its caller has gone.
    """

    def __init__(
        self, encoder: BatchEncoder, *, max_batch: int, timeout: float, max_wait: float = 0.0
    ) -> None:
        """Describe the runner; nothing runs before `start`.

        Args:
            encoder: called from one thread of the runner's.
            max_batch: most images in one run of the encoder.
            timeout: seconds after which a run of the encoder counts as failed.
            max_wait: most seconds that a batch waits to grow.
        """
        self._encoder = encoder
        self._timeout = timeout
        # A CPU runs any number of images as well as its neighbours: there padding would only be work, and
        # some sizes tell what the numbers between them cost.
        sizes = sizes_up_to(max_batch)
        if not encoder.padded:
            sizes = tuple(sorted({*sizes[::2], max_batch}))
        self._pace = Pace(sizes, padded=encoder.padded, max_wait=max_wait)
        self._turns: Turns[_Job] = Turns()
        self._arrived = asyncio.Event()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="inference")
        self._task: asyncio.Task[None] | None = None
        self._refusal: _Refusal | None = partial(_not_ready, "the encoder is warming up")
        self.seconds_per_image = 0.0

    async def start(self, report: Report) -> None:
        """Warm the encoder up and begin; `report` is told of every change from here on.

        Raises:
            Exception: the encoder does not run.
        """
        loop = asyncio.get_running_loop()
        sizes = self._pace.sizes
        # The extremes first: from them TensorRT builds one engine for all sizes between.
        for size in (*sorted({sizes[0], sizes[-1]}), *sizes[1:-1]):
            taken = []
            for _ in range(2 if self._encoder.padded else max(_PROBED // size, 1)):
                started = time.perf_counter()
                await loop.run_in_executor(self._worker, self._encoder.probe, size)
                taken.append(time.perf_counter() - started)
            self._pace.ran(size, min(taken))  # the first prepares, and what is short is easily disturbed
        self._refusal = None
        await report(True)
        self._task = asyncio.create_task(self._work(report), name="batch runner")

    async def run(self, image: Input, priority: Priority) -> Ran:
        """Return the encoder's answer for one picture.

        When the caller is cancelled the picture leaves the queue.

        Raises:
            Unavailable: INFERENCE_FAILED, the encoder does not run; SHUTTING_DOWN after `close`.
        """
        if self._refusal is not None:
            raise self._refusal()
        job = _Job(image, asyncio.get_running_loop().create_future())
        self._turns.put(job, priority)
        self._pace.arrived(time.perf_counter())
        self._arrived.set()
        try:
            return await job.answer
        except asyncio.CancelledError:
            self._turns.remove(job, priority)
            raise

    async def close(self) -> None:
        """Stop; refuse whatever still waits with SHUTTING_DOWN."""
        self._refusal = shutting_down
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _work(self, report: Report) -> None:
        batch: list[_Job] = []
        try:
            while True:
                batch = await self._next_batch()
                try:
                    await self._run_batch(batch)
                except Exception:
                    logger.exception("inference failed for a batch of %d", len(batch))
                    await self._recover(batch, report)
        finally:
            if self._refusal is None:
                self._refusal = partial(_not_ready, "the encoder's queue has ended")
                await report(False)
            _refuse([*batch, *self._waiting()], self._refusal)

    async def _next_batch(self) -> list[_Job]:
        """Wait for work and return up to `max_batch` jobs whose callers still wait; never none."""
        while True:
            await self._grown_to(1)
            await self._grown()
            if waiting := len(self._turns):  # all may have gone meanwhile
                batch = self._turns.take(self._pace.take(waiting))
                if live := [job for job in batch if not job.answer.done()]:
                    return live

    async def _grown(self) -> None:
        """Let the batch grow for as long as that pays."""
        with suppress(TimeoutError):
            while wait := self._pace.wait(len(self._turns), time.perf_counter()):
                async with asyncio.timeout(wait.seconds):
                    await self._grown_to(wait.target)

    async def _grown_to(self, count: int) -> None:
        while len(self._turns) < count:
            self._arrived.clear()
            await self._arrived.wait()

    async def _run_batch(self, batch: list[_Job]) -> None:
        started = time.perf_counter()
        images, size = [job.image for job in batch], self._pace.run_size(len(batch))
        vectors = await self._in_worker(self._encoder.embed, images, size)
        seconds = time.perf_counter() - started
        self._pace.ran(len(batch), seconds)
        self.seconds_per_image = seconds / len(batch)
        for job, vector in zip(batch, vectors, strict=True):
            if not job.answer.done():
                job.answer.set_result(Ran(vector, started, seconds))
        self._pace.ended(len(batch), started + seconds)

    async def _recover(self, failed: list[_Job], report: Report) -> None:
        self._refusal = partial(_not_ready, "the encoder failed to run")
        _refuse(failed, self._refusal)
        await report(False)
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._in_worker(self._encoder.probe, 1)
                break
            except Exception as error:
                logger.warning("the encoder still fails: %s; next probe in %g s", error, pause)
            _refuse(self._waiting(), self._refusal)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        logger.info("the encoder works again")
        self._refusal = None
        await report(True)

    async def _in_worker(self, function: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.run_in_executor(self._worker, function, *arguments), self._timeout)

    def _waiting(self) -> list[_Job]:
        return self._turns.take(len(self._turns))


def shutting_down() -> Unavailable:
    """Return the refusal of a service that is stopping."""
    return Unavailable("SHUTTING_DOWN", "the service is stopping")


def _refuse(jobs: Iterable[_Job], refusal: _Refusal) -> None:
    for job in jobs:
        if not job.answer.done():
            job.answer.set_exception(refusal())


def _not_ready(why: str) -> Unavailable:
    return Unavailable("INFERENCE_FAILED", f"{why}; try again", retry_after=_RETRY_AFTER)
