"""Batching across callers, isolation, refusals, failure and recovery, with the tiny encoder for real."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embed_service.batching.pace import Wait
from vicinal.wire.errors import ResourceExhausted, Unavailable


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def reason_of(outcome: Any) -> str:
    assert isinstance(outcome, Unavailable | ResourceExhausted), outcome
    return outcome.reason


async def test_concurrent_callers_share_batches_and_get_their_own(
    make: Any, steered: Any, pngs: list[bytes], pictures: Any, expected: Any
) -> None:
    pipeline = await make(max_batch=16)
    steered.gate.clear()
    first = asyncio.create_task(pipeline.embed(pngs[:1]))
    await until(lambda: steered.entered)
    callers = [asyncio.create_task(pipeline.embed(pngs[i : i + 3])) for i in range(1, 97, 3)]
    await until(lambda: len(pipeline.lane.runner._turns) == 96)
    steered.gate.set()
    answers = [outcome for call in [first, *callers] for outcome in await call]
    assert steered.batches == [1] + [16] * 6
    for picture, outcome in zip(pictures, answers, strict=False):
        np.testing.assert_allclose(outcome.vector, expected(picture), atol=1e-5)


async def test_bad_images_leave_their_batch_alone(
    make: Any, pngs: list[bytes], pictures: Any, expected: Any
) -> None:
    outcomes = await (await make()).embed([pngs[0], b"", pngs[1][:60], pngs[2]])
    assert [o.refusal.reason if o.refusal else None for o in outcomes] == [
        None,
        "UNSUPPORTED_FORMAT",
        "IMAGE_CORRUPT",
        None,
    ]
    assert [o.vector is None for o in outcomes] == [False, True, True, False]
    np.testing.assert_allclose(outcomes[3].vector, expected(pictures[2]), atol=1e-5)


async def test_time_is_accounted_for(make: Any, steered: Any, pngs: list[bytes]) -> None:
    pipeline = await make(max_batch=1)
    steered.gate.clear()
    call = asyncio.create_task(pipeline.embed(pngs[:2]))
    await until(lambda: len(pipeline.lane.runner._turns) == 1)
    await asyncio.sleep(0.05)
    steered.gate.set()
    one, two = (outcome.timing for outcome in await call)
    assert max(one.queue, two.queue) >= 0.05
    assert max(one.inference, two.inference) >= 0.05
    assert min(one.decode, two.decode) > 0


@pytest.mark.parametrize(
    "limits",
    [{"max_queue": 8}, {"max_image_bytes": 90_000, "max_message_bytes": 94_096, "max_queue_bytes": 94_096}],
)
async def test_full_queue_refuses_and_empties_again(
    make: Any, steered: Any, pngs: list[bytes], limits: dict[str, int]
) -> None:
    pipeline = await make(**limits)
    padded = [png + bytes(18_000) for png in pngs[:8]]  # what follows the end of a PNG is ignored
    steered.gate.clear()
    inside = asyncio.create_task(pipeline.embed(padded[:5]))
    await until(lambda: steered.entered)
    with pytest.raises(ResourceExhausted) as caught:
        await pipeline.embed(padded[:4])
    assert caught.value.reason == "QUEUE_FULL"
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 0
    steered.gate.set()
    assert len(await inside) == 5
    assert len(await pipeline.embed(padded[:4])) == 4


async def test_cancelled_images_are_never_run_and_leave_room(
    make: Any, steered: Any, pngs: list[bytes]
) -> None:
    pipeline = await make(max_queue=8)
    steered.gate.clear()
    first = asyncio.create_task(pipeline.embed(pngs[:1]))
    await until(lambda: steered.entered)
    gone = asyncio.create_task(pipeline.embed(pngs[1:8]))
    await until(lambda: len(pipeline.lane.runner._turns) == 7)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert pipeline._room.images == 1
    await asyncio.sleep(0.05)
    assert len(pipeline.lane.runner._turns) == 0
    stays = asyncio.create_task(pipeline.embed(pngs[8:9]))
    steered.gate.set()
    await asyncio.gather(first, stays)
    assert steered.batches == [1, 1]


async def test_all_may_leave_while_their_batch_waits_to_grow(
    make: Any, steered: Any, pngs: list[bytes]
) -> None:
    pipeline = await make()
    runner, waits = pipeline.lane.runner, [Wait(2, 0.2)]
    runner._pace.wait = lambda waiting, now: waits.pop() if waits else None
    gone = asyncio.create_task(pipeline.embed(pngs[:1]))
    await until(lambda: not waits)
    gone.cancel()
    await asyncio.sleep(0.3)
    assert len(runner._turns) == 0
    assert len(await pipeline.embed(pngs[:2])) == 2
    assert sum(steered.batches) == 2


async def test_failed_inference_fails_its_batch_and_recovers_at_once(
    make: Any, encode: Any, health: Any, pngs: list[bytes]
) -> None:
    """A white picture makes ONNX Runtime itself fail; the encoder as such is sound."""
    pipeline = await make()
    white = encode(Image.new("RGB", (8, 8), "white"), "PNG")
    with pytest.raises(Unavailable) as caught:
        await pipeline.embed([pngs[0], white])
    assert caught.value.reason == "INFERENCE_FAILED"
    await until(lambda: health.said == [True, False, True])
    assert (await pipeline.embed(pngs[:1]))[0].vector is not None


async def test_call_that_failed_leaves_nothing_behind(
    make: Any, steered: Any, encode: Any, health: Any, pngs: list[bytes]
) -> None:
    """Its other images are dropped from the queue: each of these would fail a batch of its own."""
    pipeline = await make(max_batch=1)
    steered.gate.clear()
    call = asyncio.create_task(pipeline.embed([encode(Image.new("RGB", (8, 8), "white"), "PNG")] * 5))
    await until(lambda: len(pipeline.lane.runner._turns) == 4)
    steered.gate.set()
    with pytest.raises(Unavailable):
        await call
    await until(lambda: health.said == [True, False, True])
    assert (await pipeline.embed(pngs[:1]))[0].vector is not None
    assert health.said == [True, False, True]


async def test_broken_encoder_is_probed_until_it_works(
    make: Any, steered: Any, health: Any, pngs: list[bytes]
) -> None:
    pipeline = await make(max_batch=2)
    steered.gate.clear()
    steered.broken = True
    waiting = [asyncio.create_task(pipeline.embed([png])) for png in pngs[:8]]
    await until(lambda: pipeline._room.images == 8)
    steered.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {reason_of(answer) for answer in answers} == {"INFERENCE_FAILED"}
    with pytest.raises(Unavailable) as caught:  # not queued behind a broken encoder
        await pipeline.embed(pngs[:1])
    assert caught.value.reason == "INFERENCE_FAILED"
    await until(lambda: steered.probes >= 3)
    assert health.said == [True, False]
    steered.broken = False
    await until(lambda: health.said == [True, False, True])
    assert (await pipeline.embed(pngs[:1]))[0].vector is not None


async def test_inference_that_hangs_counts_as_failed(
    make: Any, steered: Any, health: Any, pngs: list[bytes]
) -> None:
    pipeline = await make(timeout=0.2)
    steered.gate.clear()
    with pytest.raises(Unavailable):
        await pipeline.embed(pngs[:1])
    assert health.said == [True, False]
    steered.gate.set()
    await until(lambda: health.said == [True, False, True])


async def test_before_warm_up_calls_are_refused(make: Any, health: Any, pngs: list[bytes]) -> None:
    pipeline = await make(start=False)
    with pytest.raises(Unavailable, match="warming up"):
        await pipeline.embed(pngs[:1])
    await pipeline.lane.runner.start(health)
    assert len(await pipeline.embed(pngs[:1])) == 1


async def test_broken_encoder_never_starts(make: Any, steered: Any, health: Any) -> None:
    pipeline = await make(start=False)
    steered.broken = True
    with pytest.raises(Exception, match="does not run"):
        await pipeline.lane.runner.start(health)
    assert health.said == []


async def test_drain_finishes_what_is_inside_and_refuses_the_rest(
    make: Any, steered: Any, pngs: list[bytes]
) -> None:
    pipeline = await make()
    steered.gate.clear()
    inside = asyncio.create_task(pipeline.embed(pngs[:3]))
    await until(lambda: pipeline._room.images == 3)
    pipeline.drain()
    for refused in (pipeline.embed(pngs[:1]), pipeline.embed_when_room(pngs[0])):
        with pytest.raises(Unavailable) as caught:
            await refused
        assert caught.value.reason == "SHUTTING_DOWN"
    steered.gate.set()
    assert all(outcome.vector is not None for outcome in await inside)


async def test_close_leaves_nobody_waiting(make: Any, steered: Any, pngs: list[bytes]) -> None:
    """Some wait for a decoder, some for the encoder, some for room; all are told."""
    pipeline = await make(max_batch=2, max_queue=8)
    prepare, hold = pipeline.lane.prepare, threading.Event()
    slow = [*pngs[3:6], *pngs[6:9]]
    pipeline.lane = replace(
        pipeline.lane, prepare=lambda data: prepare(data) if data not in slow or hold.wait(60) else None
    )
    steered.gate.clear()
    waiting = [asyncio.create_task(pipeline.embed([png])) for png in pngs[:6]]
    waiting += [asyncio.create_task(pipeline.embed_when_room(png)) for png in pngs[6:9]]
    await asyncio.sleep(0.1)
    closing = asyncio.create_task(pipeline.end())
    await asyncio.sleep(0.05)
    hold.set()
    steered.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    await closing
    assert {reason_of(answer) for answer in answers} == {"SHUTTING_DOWN"}


async def test_end_of_the_batching_task_fails_all_waiters(
    make: Any, steered: Any, health: Any, pngs: list[bytes]
) -> None:
    pipeline = await make(max_batch=1)
    steered.gate.clear()
    waiting = [asyncio.create_task(pipeline.embed([png])) for png in pngs[:4]]
    await until(lambda: len(pipeline.lane.runner._turns) == 3)
    pipeline.lane.runner._task.cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {reason_of(answer) for answer in answers} == {"INFERENCE_FAILED"}
    assert health.said == [True, False]
    with pytest.raises(Unavailable):
        await pipeline.embed(pngs[:1])


async def test_room_is_empty_after_a_crowd_that_comes_goes_and_sends_rubbish(
    make: Any, pngs: list[bytes]
) -> None:
    pipeline, random = await make(max_queue=16), np.random.default_rng(8)
    images = [*pngs[:6], b"", pngs[0][:50]]

    async def visit(wait: bool, patience: float) -> None:
        chosen = [images[i] for i in random.integers(0, 8, random.integers(1, 6))]
        work = pipeline.embed_when_room(chosen[0]) if wait else pipeline.embed(chosen)
        with suppress(TimeoutError, ResourceExhausted):
            await asyncio.wait_for(work, patience)

    await asyncio.gather(*(visit(bool(i % 2), random.exponential(0.02)) for i in range(400)))
    assert (pipeline._room.images, pipeline._room.bytes) == (0, 0)
    assert (await pipeline.embed(pngs[:1]))[0].vector is not None
