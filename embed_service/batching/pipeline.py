"""An image's way through the service: room, decoding in a pool of threads, its encoder's runner."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from embed_service.batching.decoders import Decoders
from embed_service.batching.lane import Lane
from embed_service.batching.outcome import Outcome, Timing
from embed_service.batching.room import Room, RoomFullError
from embed_service.batching.runner import Input, shutting_down
from embed_service.batching.turns import Priority
from embed_service.cache.base import VectorCache
from embed_service.limits import Limits
from vicinal.imaging.refusals import ImageRefused, NotEmbeddable
from vicinal.wire.errors import ResourceExhausted

__all__ = ["Pipeline"]

T = TypeVar("T")

_SHORTEST_RETRY = 0.05


@dataclass(frozen=True, eq=False)
class _Prepared:
    """One image after decoding: its input, the vector that is known of it, or why there is neither."""

    content_sha256: bytes
    seconds: float
    ready: Input | None = None
    known: npt.NDArray[np.float32] | None = None
    refusal: ImageRefused | None = None


class Pipeline:
    """Embeds images for many callers at once with the encoders whose lanes they name; for one event loop."""

    def __init__(self, limits: Limits, *, decoders: int, cache: VectorCache) -> None:
        """Make an empty pipeline.

        Args:
            limits: of which `max_queue` and `max_queue_bytes` are kept here.
            decoders: threads to decode in.
            cache: asked in those threads, before an image is decoded, and told of every new vector.
        """
        self._limits = limits
        self._room = Room(limits.max_queue, limits.max_queue_bytes)
        self._decoders = Decoders(decoders)
        self._cache = cache
        self._stopping = False

    async def embed(
        self, images: Sequence[bytes], lane: Lane, priority: Priority = Priority.INTERACTIVE
    ) -> list[Outcome]:
        """Return what became of each encoded image, in order.

        Raises:
            ResourceExhausted: QUEUE_FULL, there is no room for so many now.
            Unavailable: INFERENCE_FAILED or SHUTTING_DOWN.
        """
        arrived = time.perf_counter()
        works = [partial(self._embed_one, image, lane, priority, arrived) for image in images]
        return await self._all_at_once(works, sum(map(len, images)), lane)

    async def embed_inputs(
        self, inputs: Input, lane: Lane, priority: Priority = Priority.INTERACTIVE
    ) -> npt.NDArray[np.float32]:
        """Return the vectors of pictures that are the encoder's input already.

        They take room by their bytes, like encoded images. They are neither looked up nor kept in the cache,
        which knows images by their encoded bytes.

        Args:
            inputs: float32 or float16 (n, 3, size, size), normalised, finite (some encoders fail on what is
                not, and with them whoever is in the same batch); n is at least 1.
            lane: of the encoder.
            priority: who waits.

        Returns:
            float32 (n, dimension): unit vectors; zeros where the encoder gave a zero or non-finite vector.

        Raises:
            ValueError: the inputs have another shape than the lane's.
            ResourceExhausted: QUEUE_FULL, there is no room for so many now.
            Unavailable: INFERENCE_FAILED or SHUTTING_DOWN.
        """
        if inputs.shape[1:] != lane.shape or not len(inputs):
            raise ValueError(
                f"inputs of shape {inputs.shape}, expected (n, {', '.join(map(str, lane.shape))})"
            )
        works = [partial(lane.runner.run, ready, priority) for ready in inputs]
        return np.stack([ran.vector for ran in await self._all_at_once(works, inputs.nbytes, lane)])

    async def embed_when_room(
        self,
        image: bytes,
        lane: Lane,
        priority: Priority = Priority.BULK,
        entered: asyncio.Event | None = None,
    ) -> Outcome:
        """Return what became of `image`, after waiting for room as long as it takes.

        Args:
            image: one encoded image.
            lane: of the encoder.
            priority: who waits; it counts once there is room.
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
            return await self._embed_one(image, lane, priority, arrived)

    def drain(self) -> None:
        """Refuse new images with SHUTTING_DOWN; those inside are finished."""
        self._stopping = True

    def close(self) -> None:
        """Stop; whoever still waits for a decoder is refused with SHUTTING_DOWN."""
        self.drain()
        self._decoders.close()

    async def _all_at_once(
        self, works: Sequence[Callable[[], Coroutine[Any, Any, T]]], size: int, lane: Lane
    ) -> list[T]:
        """Return what `works`, one for each image and `size` bytes together, return; or turn them away."""
        self._check_open()
        try:
            with self._room.claim(len(works), size):
                tasks = [asyncio.create_task(work()) for work in works]
                try:
                    return await asyncio.gather(*tasks)
                finally:
                    for task in tasks:  # after a failure or a cancelled call the others are of no use
                        task.cancel()
        except RoomFullError:
            raise self._queue_full(lane) from None

    async def _embed_one(self, image: bytes, lane: Lane, priority: Priority, arrived: float) -> Outcome:
        prepared = await self._decoded(image, lane, priority)
        content, decoding = prepared.content_sha256, prepared.seconds
        if prepared.ready is None:
            timing = Timing(time.perf_counter() - arrived - decoding, decoding)
            known = prepared.known
            return Outcome(content, timing, vector=known, refusal=prepared.refusal, cached=known is not None)
        ran = await lane.runner.run(prepared.ready, priority)
        timing = Timing(ran.started - arrived - decoding, decoding, ran.seconds)
        if not ran.vector.any():
            refusal = NotEmbeddable("the encoder gives a zero or non-finite vector for this image")
            return Outcome(content, timing, refusal=refusal)
        self._cache.put(lane.digest, content, ran.vector)
        return Outcome(content, timing, vector=ran.vector)

    async def _decoded(self, image: bytes, lane: Lane, priority: Priority) -> _Prepared:
        try:
            return await self._decoders.run(partial(self._prepared, image, lane), priority)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stopping and task is not None and not task.cancelling():
                raise shutting_down() from None  # the pool dropped it, nobody cancelled us
            raise

    def _prepared(self, image: bytes, lane: Lane) -> _Prepared:
        """Hash, look up, and decode what is not known; in a thread of the pool."""
        started = time.perf_counter()
        content = hashlib.sha256(image).digest()
        ready, refusal = None, None
        known = self._cache.get(lane.digest, content)
        if known is None:
            try:
                ready = lane.prepare(image)
            except ImageRefused as refused:
                refusal = refused
        return _Prepared(content, time.perf_counter() - started, ready, known, refusal)

    def _check_open(self) -> None:
        if self._stopping:
            raise shutting_down()

    def _queue_full(self, lane: Lane) -> ResourceExhausted:
        wait = max(self._room.images * lane.runner.seconds_per_image, _SHORTEST_RETRY)
        message = (
            f"{self._room.images} images of {self._room.bytes} bytes are in the queue, which holds "
            f"{self._limits.max_queue} of {self._limits.max_queue_bytes}; come back in {wait:.2g} s"
        )
        return ResourceExhausted("QUEUE_FULL", message, retry_after=wait, limit=self._limits.max_queue)
