"""The ways around the usual one: known vectors, ready inputs, and who goes first."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embed_service.batching.turns import Priority
from embed_service.cache.memory import MemoryCache
from vicinal.wire.errors import ResourceExhausted


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def test_cached_vectors_are_neither_decoded_nor_run(
    make: Any, steered: Any, pngs: list[bytes], pictures: Any, expected: Any
) -> None:
    pipeline = await make(cache=MemoryCache(1_000_000))
    decoded: list[bytes] = []
    prepare = pipeline.lane.prepare
    pipeline.lane = replace(pipeline.lane, prepare=lambda data: (decoded.append(data), prepare(data))[1])
    first = await pipeline.embed([*pngs[:3], b"rubbish"])
    assert [outcome.cached for outcome in first] == [False] * 4
    again = await pipeline.embed([pngs[5], *pngs[2::-1], b"rubbish"])
    assert [outcome.cached for outcome in again] == [False, True, True, True, False]
    assert sorted(decoded) == sorted([*pngs[:3], b"rubbish", pngs[5], b"rubbish"])
    assert steered.batches.count(0) == 0
    assert sum(steered.batches) == 4
    for picture, outcome in zip((5, 2, 1, 0), again, strict=False):
        np.testing.assert_allclose(outcome.vector, expected(pictures[picture]), atol=1e-5)
        assert (outcome.timing.inference == 0) == outcome.cached
        assert outcome.content_sha256 == hashlib.sha256(pngs[picture]).digest()
    assert again[4].refusal.reason == "UNSUPPORTED_FORMAT"


async def test_encoders_do_not_share_cached_vectors(make: Any, pngs: list[bytes]) -> None:
    pipeline = await make(cache=MemoryCache(1_000_000))
    await pipeline.embed(pngs[:1])
    (other,) = await pipeline.embed(pngs[:1], replace(pipeline.lane, digest="another"))
    assert not other.cached


async def test_ready_inputs_get_the_same_vectors(
    make: Any, steered: Any, pngs: list[bytes], pictures: Any
) -> None:
    pipeline = await make(max_batch=4)
    inputs = steered.preprocessing.normalised(pictures[:7])
    vectors = await pipeline.embed_inputs(inputs, pipeline.lane)
    assert (vectors.shape, vectors.dtype) == ((7, steered.dimension), np.float32)
    np.testing.assert_allclose(vectors, [o.vector for o in await pipeline.embed(pngs[:7])], atol=1e-6)
    inputs[1] = 0  # and so is what a linear map makes of it
    spoilt = await pipeline.embed_inputs(inputs[:2], pipeline.lane)
    assert [row.any() for row in spoilt] == [True, False]


async def test_ready_inputs_take_room_by_their_bytes(make: Any, steered: Any, pictures: Any) -> None:
    pipeline = await make(max_image_bytes=1000, max_message_bytes=6000, max_queue_bytes=6000)
    inputs = steered.preprocessing.normalised(pictures[:6])  # 768 bytes each
    steered.gate.clear()
    inside = asyncio.create_task(pipeline.embed_inputs(inputs[:5], pipeline.lane))
    await until(lambda: steered.entered)
    assert pipeline._room.bytes == 5 * 768
    with pytest.raises(ResourceExhausted):
        await pipeline.embed_inputs(inputs[:4], pipeline.lane)
    steered.gate.set()
    assert len(await inside) == 5
    assert (pipeline._room.images, pipeline._room.bytes) == (0, 0)


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (2, 3, 8, 9), (2, 8, 8, 3), (3, 8, 8), (2, 192)])
async def test_ready_inputs_of_another_shape(make: Any, shape: tuple[int, ...]) -> None:
    pipeline = await make()
    with pytest.raises(ValueError, match="expected \\(n, 3, 8, 8\\)"):
        await pipeline.embed_inputs(np.zeros(shape, np.float32), pipeline.lane)


async def test_interactive_images_overtake_bulk_ones(make: Any, steered: Any, pngs: list[bytes]) -> None:
    """Eight images a batch, one of them bulk as long as both wait."""
    pipeline = await make(max_images=64, max_batch=8)
    steered.gate.clear()
    first = asyncio.create_task(pipeline.embed(pngs[:1]))
    await until(lambda: steered.entered)
    runner, order = pipeline.lane.runner, []

    async def ask(priority: Priority, number: int) -> None:
        await pipeline.embed([pngs[number]], None, priority)
        order.append(priority)

    bulk = [asyncio.create_task(ask(Priority.BULK, number)) for number in range(1, 25)]
    await until(lambda: len(runner._turns) == 24)
    interactive = [asyncio.create_task(ask(Priority.INTERACTIVE, number)) for number in range(25, 41)]
    await until(lambda: len(runner._turns) == 40)
    steered.gate.set()
    await asyncio.gather(first, *bulk, *interactive)
    assert order.count(Priority.INTERACTIVE) == 16
    assert [batch.count(Priority.BULK) for batch in (order[:8], order[8:16], order[16:24])] == [1, 1, 6]
