"""Encoders that want batches of few sizes, as on a GPU, get no others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from embed_service.batching.runner import BatchRunner
from embed_service.batching.turns import Priority


class Echo:
    """Gives each input back as its vector; notes what it was asked to run."""

    def __init__(self, *, padded: bool) -> None:
        self.padded = padded
        self.gate = threading.Event()
        self.gate.set()
        self.probed: list[int] = []
        self.runs: list[tuple[int, int]] = []

    def embed(self, inputs: Sequence[npt.NDArray[Any]], size: int) -> npt.NDArray[np.float32]:
        self.runs.append((len(inputs), size))
        assert self.gate.wait(60)
        return np.stack(inputs)

    def probe(self, count: int) -> None:
        self.probed.append(count)


async def unheard(works: bool) -> None:
    pass


async def run_many(encoder: Echo, counts: list[int]) -> None:
    """For each count, let so many images wait together while the encoder is held up; check every answer."""
    runner = BatchRunner(encoder, max_batch=16, timeout=60)
    runner._pace.ran = lambda count, seconds: None  # type: ignore[method-assign]  # there it is chance
    await runner.start(unheard)

    async def ask(number: float) -> None:
        ran = await runner.run(np.full(3, number, np.float32), Priority.INTERACTIVE)
        assert ran.vector.tolist() == [number] * 3

    for count in counts:
        encoder.gate.clear()
        before = len(encoder.runs)
        first = asyncio.create_task(ask(-1))
        while len(encoder.runs) == before:
            await asyncio.sleep(0.001)
        tasks = [asyncio.create_task(ask(number)) for number in range(count)]
        await asyncio.sleep(0)
        assert len(runner._turns) == count
        encoder.gate.set()
        await asyncio.gather(first, *tasks)
    await runner.close()


async def test_padded_sizes_are_warmed_up_and_kept_to() -> None:
    encoder = Echo(padded=True)
    await run_many(encoder, [3, 16, 40, 1])
    assert encoder.probed == [1, 1, 16, 16, 2, 2, 4, 4, 8, 8]
    assert {size for _, size in encoder.runs} <= {1, 2, 4, 8, 16}
    assert all(size // 2 < count <= size for count, size in encoder.runs)


async def test_others_get_what_there_is() -> None:
    encoder = Echo(padded=False)
    await run_many(encoder, [3, 16, 40])
    assert encoder.probed == [1] * 8 + [16, 4, 4]
    assert encoder.runs == [(1, 1), (3, 3), (1, 1), (16, 16), (1, 1), (16, 16), (16, 16), (8, 8)]


@pytest.mark.parametrize("padded", [True, False])
async def test_the_largest_batch_may_be_one(padded: bool) -> None:
    encoder = Echo(padded=padded)
    runner = BatchRunner(encoder, max_batch=1, timeout=60)
    await runner.start(unheard)
    assert set(encoder.probed) == {1}
    await runner.close()
