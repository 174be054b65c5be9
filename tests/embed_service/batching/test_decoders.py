"""Threads that decode: who is urgent goes first, who has gone is not worked for, nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator

import pytest

from embed_service.batching.decoders import Decoders
from embed_service.batching.turns import Priority

INTERACTIVE, BULK = Priority.INTERACTIVE, Priority.BULK


class Held:
    """One thread, held up by a first piece of work until `gate` opens."""

    def __init__(self) -> None:
        self.decoders = Decoders(1)
        self.gate = threading.Event()
        self.done: list[str] = []
        self.first = asyncio.create_task(self.run("first", BULK, hold=True))

    async def run(self, name: str, priority: Priority, *, hold: bool = False) -> str:
        return await self.decoders.run(lambda: self._work(name, hold), priority)

    def _work(self, name: str, hold: bool) -> str:
        self.done.append(name)
        assert not hold or self.gate.wait(60)
        return name


@pytest.fixture
async def held() -> AsyncIterator[Held]:
    held = Held()
    while not held.done:
        await asyncio.sleep(0.001)
    yield held
    held.gate.set()
    held.decoders.close()


async def test_urgent_work_overtakes(held: Held) -> None:
    tasks = [asyncio.create_task(held.run(f"bulk {i}", BULK)) for i in range(3)]
    tasks += [asyncio.create_task(held.run(f"interactive {i}", INTERACTIVE)) for i in range(3)]
    await asyncio.sleep(0)
    held.gate.set()
    assert await asyncio.gather(*tasks) == [
        f"{kind} {i}" for kind in ("bulk", "interactive") for i in range(3)
    ]
    assert held.done == ["first", *(f"{kind} {i}" for kind in ("interactive", "bulk") for i in range(3))]


async def test_work_of_cancelled_callers_is_not_done(held: Held) -> None:
    gone = asyncio.create_task(held.run("gone", INTERACTIVE))
    stays = asyncio.create_task(held.run("stays", BULK))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    held.gate.set()
    assert await stays == "stays"
    assert held.done == ["first", "stays"]


async def test_images_of_cancelled_callers_are_let_go_at_once(held: Held) -> None:
    class Image:
        """Weakly referable, which bytes are not."""

        def work(self) -> None:
            raise AssertionError

    image = Image()
    kept = weakref.ref(image)
    gone = asyncio.create_task(held.decoders.run(image.work, BULK))
    await asyncio.sleep(0)
    del image
    assert kept() is not None
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    del gone
    await asyncio.sleep(0.01)  # the loop itself holds the last turn's errors
    assert kept() is None
    assert held.done == ["first"]  # the only thread is still at it


async def test_closing_cancels_what_has_not_begun(held: Held) -> None:
    waiting = asyncio.create_task(held.run("waiting", INTERACTIVE))
    await asyncio.sleep(0)
    held.decoders.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    held.gate.set()
    assert await held.first == "first"
    with pytest.raises(RuntimeError):
        await held.run("late", INTERACTIVE)


async def test_errors_reach_the_caller(held: Held) -> None:
    def fail() -> None:
        raise ValueError("no picture")

    held.gate.set()
    with pytest.raises(ValueError, match="no picture"):
        await held.decoders.run(fail, BULK)
    assert await held.run("next", BULK) == "next"


async def test_many_threads_do_all_the_work_once() -> None:
    decoders, done = Decoders(4), []
    numbers = list(range(300))
    works = (
        decoders.run(lambda number=number: done.append(number), BULK if number % 3 else INTERACTIVE)
        for number in numbers
    )
    await asyncio.gather(*works)
    decoders.close()
    assert sorted(done) == numbers
