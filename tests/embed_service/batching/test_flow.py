"""Streams of work: bounded, complete, and over when they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embed_service.batching.flow import as_completed


class Source:
    """Numbers on demand; knows how many were taken."""

    def __init__(self, count: int) -> None:
        self.count, self.taken, self.cancelled = count, 0, False

    def __aiter__(self) -> AsyncIterator[int]:
        return self

    async def __anext__(self) -> int:
        if self.taken == self.count:
            raise StopAsyncIteration
        self.taken += 1
        return self.taken


@settings(deadline=None)
@given(delays=st.lists(st.integers(0, 5), max_size=30), limit=st.integers(1, 8))
def test_every_item_is_answered_once_within_the_limit(delays: list[int], limit: int) -> None:
    async def check() -> None:
        inside, most = 0, 0

        async def work(number: int) -> int:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            for _ in range(delays[number - 1]):
                await asyncio.sleep(0)
            inside -= 1
            return number

        answers = [answer async for answer in as_completed(Source(len(delays)), work, limit)]
        assert sorted(answers) == list(range(1, len(delays) + 1))
        assert most <= limit

    asyncio.run(check())


async def test_reads_no_further_than_the_limit_ahead_of_the_reader() -> None:
    async def work(number: int) -> int:
        return number

    source = Source(1000)
    async with aclosing(as_completed(source, work, 5)) as answers:
        for read in range(1, 20):
            await anext(answers)
            await asyncio.sleep(0.001)
            assert source.taken <= read + 5


async def test_first_error_ends_it_and_cancels_the_rest() -> None:
    cancelled = []

    async def work(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise
        return number

    with pytest.raises(ValueError, match="3"):
        async for _ in as_completed(Source(5), work, 4):
            pass
    assert set(cancelled) >= {1, 2}


async def test_an_error_of_the_source_ends_it() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError

    async def work(number: int) -> int:
        await asyncio.Event().wait()
        return number

    with pytest.raises(ConnectionError):
        async for _ in as_completed(source(), work, 4):
            pass


async def test_closing_it_leaves_nothing_running() -> None:
    async def work(number: int) -> int:
        if number > 1:
            await asyncio.Event().wait()
        return number

    before = asyncio.all_tasks()
    async with aclosing(as_completed(Source(3), work, 3)) as answers:
        assert await anext(answers) == 1
        await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
