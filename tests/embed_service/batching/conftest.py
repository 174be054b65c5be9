"""A pipeline of one lane around the steered encoder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from embed_service.batching.lane import Lane
from embed_service.batching.pipeline import Pipeline
from embed_service.batching.runner import BatchRunner
from embed_service.cache.base import VectorCache
from embed_service.cache.memory import MemoryCache
from embed_service.limits import Limits
from vicinal.imaging.decode import decode


class Health:
    """What the pipeline reported, in order."""

    def __init__(self) -> None:
        self.said: list[bool] = []

    async def __call__(self, works: bool) -> None:
        self.said.append(works)


class OneLane(Pipeline):
    """A pipeline in which everybody names the same encoder."""

    def __init__(self, limits: Limits, lane: Lane, cache: VectorCache) -> None:
        super().__init__(limits, decoders=2, cache=cache)
        self.lane = lane

    def embed(self, images: Any, lane: Lane | None = None, *arguments: Any) -> Any:
        return super().embed(images, lane or self.lane, *arguments)

    def embed_when_room(self, image: Any, lane: Lane | None = None, *arguments: Any) -> Any:
        return super().embed_when_room(image, lane or self.lane, *arguments)

    async def end(self) -> None:
        self.close()
        await self.lane.runner.close()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def make(steered: Any, health: Health) -> AsyncIterator[Callable[..., Any]]:
    """Makes pipelines around the steered encoder and closes them."""
    made: list[OneLane] = []

    async def make(
        *, max_batch: int = 8, timeout: float = 60, start: bool = True, cache: Any = None, **limits: int
    ) -> OneLane:
        bounds = Limits(**{"max_images": 8, **limits})
        runner = BatchRunner(steered, max_batch=max_batch, timeout=timeout)
        # What runs of so small an encoder take is chance; a pace that knows no costs runs all that waits.
        runner._pace.ran = lambda count, seconds: None  # type: ignore[method-assign]
        lane = Lane(
            steered.digest, steered.input_shape, lambda data: steered.input_of(decode(data, bounds)), runner
        )
        made.append(OneLane(bounds, lane, cache or MemoryCache(0)))
        if start:
            await made[-1].lane.runner.start(health)
            steered.forget()
        return made[-1]

    yield make
    steered.gate.set()
    for pipeline in made:
        await pipeline.end()
