"""Work on a stream, a bounded number of items at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

__all__ = ["as_completed"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")


async def as_completed(
    items: AsyncIterator[Item], work: Callable[[Item], Awaitable[Answer]], limit: int
) -> AsyncGenerator[Answer]:
    """Yield the answer of `work` for every item, as each is ready.

    No more than `limit` items are read ahead of the answers taken, so a slow reader slows the source down.
    The first error of `work` or of `items` ends the stream. When the generator is closed or cancelled, so is
    all that is under way. Takes O(limit) time and memory an item.
    """
    source = aiter(items)
    running: set[asyncio.Future[Answer]] = set()
    reading: asyncio.Future[Item] | None = None
    exhausted = False
    try:
        while True:
            if reading is None and not exhausted and len(running) < limit:
                reading = asyncio.ensure_future(anext(source))
            if not (reading or running):
                return
            pending: set[asyncio.Future[Any]] = running | {reading} if reading else {*running}
            done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if reading in done:
                try:
                    running.add(asyncio.ensure_future(work(reading.result())))
                except StopAsyncIteration:
                    exhausted = True
                reading = None
            for answer in running & done:
                running.remove(answer)
                yield answer.result()
    finally:
        under_way: list[asyncio.Future[Any]] = [*running, *([reading] if reading else [])]
        for future in under_way:
            future.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
