"""An image's way through the service: room, decoding in a pool of threads, the runner."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from embed_service.batching.outcome import Outcome, Timing
from embed_service.batching.room import Room, RoomFullError
from embed_service.batching.runner import BatchRunner, Report, shutting_down
from embed_service.limits import Limits
from vicinal.imaging.refusals import ImageRefused, NotEmbeddable
from vicinal.wire.errors import ResourceExhausted

__all__ = ["Pipeline"]

_SHORTEST_RETRY = 0.05


@dataclass(frozen=True, eq=False)
class _Prepared:
    """One image after decoding: its pixels, or why there are none."""

    content_sha256: bytes
    seconds: float
    pixels: npt.NDArray[np.uint8] | None = None
    refusal: ImageRefused | None = None


class Pipeline:
    """Embeds images for many callers at once; for one event loop."""

    def __init__(
        self,
        runner: BatchRunner,
        prepare: Callable[[bytes], npt.NDArray[np.uint8]],
        limits: Limits,
        *,
        decoders: int,
    ) -> None:
        """Describe the pipeline; it answers from `start` on.

        Args:
            runner: not started yet; started and closed with the pipeline.
            prepare: encoded image → uint8 (size, size, 3), or an `ImageRefused`; called in many threads.
            limits: of which `max_queue` and `max_queue_bytes` are kept here.
            decoders: threads to decode in.
        """
        self._runner = runner
        self._prepare = prepare
        self._limits = limits
        self._room = Room(limits.max_queue, limits.max_queue_bytes)
        self._decoders = ThreadPoolExecutor(decoders, thread_name_prefix="decode")
        self._stopping = False

    async def start(self, report: Report) -> None:
        """Warm up and begin to answer; see `BatchRunner.start`."""
        await self._runner.start(report)

    async def embed(self, images: Sequence[bytes]) -> list[Outcome]:
        """Return what became of each image, in order.

        Raises:
            ResourceExhausted: QUEUE_FULL, there is no room for so many now.
            Unavailable: INFERENCE_FAILED or SHUTTING_DOWN.
        """
        self._check_open()
        arrived = time.perf_counter()
        try:
            with self._room.claim(len(images), sum(map(len, images))):
                return await self._embed_all(images, arrived)
        except RoomFullError:
            raise self._queue_full() from None

    async def embed_when_room(self, image: bytes, entered: asyncio.Event | None = None) -> Outcome:
        """Return what became of `image`, after waiting for room as long as it takes.

        Args:
            image: one encoded image.
            entered: set once there is room for `image`; who reads on before that holds bytes nobody counts.

        Raises:
            Unavailable: INFERENCE_FAILED or SHUTTING_DOWN.
        """
        self._check_open()
        arrived = time.perf_counter()
        async with self._room.wait(len(image)):
            self._check_open()
            if entered is not None:
                entered.set()
            return await self._embed_one(image, arrived)

    def drain(self) -> None:
        """Refuse new images with SHUTTING_DOWN; those inside are finished."""
        self._stopping = True

    async def close(self) -> None:
        """Stop; whoever still waits is refused with SHUTTING_DOWN."""
        self.drain()
        await self._runner.close()
        self._decoders.shutdown(wait=False, cancel_futures=True)

    async def _embed_all(self, images: Sequence[bytes], arrived: float) -> list[Outcome]:
        tasks = [asyncio.create_task(self._embed_one(image, arrived)) for image in images]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # after a failure or a cancelled call the others are of no use
                task.cancel()

    async def _embed_one(self, image: bytes, arrived: float) -> Outcome:
        prepared = await self._decoded(image)
        if prepared.pixels is None:
            queued = time.perf_counter() - arrived - prepared.seconds
            timing = Timing(queued, prepared.seconds)
            return Outcome(prepared.content_sha256, timing, refusal=prepared.refusal)
        ran = await self._runner.run(prepared.pixels)
        queued = ran.started - arrived - prepared.seconds
        timing = Timing(queued, prepared.seconds, ran.seconds)
        if not ran.vector.any():
            refusal = NotEmbeddable("the encoder gives a zero or non-finite vector for this image")
            return Outcome(prepared.content_sha256, timing, refusal=refusal)
        return Outcome(prepared.content_sha256, timing, vector=ran.vector)

    async def _decoded(self, image: bytes) -> _Prepared:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._decoders, self._prepared, image)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stopping and task is not None and not task.cancelling():
                raise shutting_down() from None  # the pool dropped it, nobody cancelled us
            raise

    def _prepared(self, image: bytes) -> _Prepared:
        """Hash and decode, in a thread of the pool."""
        started = time.perf_counter()
        content = hashlib.sha256(image).digest()
        try:
            pixels = self._prepare(image)
        except ImageRefused as refusal:
            return _Prepared(content, time.perf_counter() - started, refusal=refusal)
        return _Prepared(content, time.perf_counter() - started, pixels)

    def _check_open(self) -> None:
        if self._stopping:
            raise shutting_down()

    def _queue_full(self) -> ResourceExhausted:
        wait = max(self._room.images * self._runner.seconds_per_image, _SHORTEST_RETRY)
        message = (
            f"{self._room.images} images of {self._room.bytes} bytes are in the queue, which holds "
            f"{self._limits.max_queue} of {self._limits.max_queue_bytes}; come back in {wait:.2g} s"
        )
        return ResourceExhausted("QUEUE_FULL", message, retry_after=wait, limit=self._limits.max_queue)
