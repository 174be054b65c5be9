"""Encoders that come and go in any order, against a model: whoever holds one can use it to the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from embed_service.batching.lane import Lane
from embed_service.batching.runner import BatchRunner
from embed_service.batching.turns import Priority
from embed_service.encoders.folder import EncoderFolder
from embed_service.encoders.registry import Registry
from embed_service.encoders.served import Served
from vicinal.wire.errors import FailedPrecondition, NotFound, Unavailable

T = TypeVar("T")

NUMBERS = range(5)
MOST = 3


class Numbered:
    """An encoder whose every vector is its number."""

    padded = False
    dimension = 1
    name = "numbered"

    def __init__(self, number: int) -> None:
        self.number, self.digest = number, str(number)

    def embed(self, inputs: Sequence[npt.NDArray[Any]], size: int) -> npt.NDArray[np.float32]:
        return np.full((len(inputs), 1), self.number, np.float32)

    def probe(self, count: int) -> None:
        pass


class AnyName(EncoderFolder):
    """Offers whatever is asked for."""

    def path(self, name: str) -> Path:
        return Path(name)


def lane(encoder: Any) -> Lane:
    runner = BatchRunner(encoder, max_batch=4, timeout=60)
    return Lane(encoder.digest, (1, 1, 1), lambda data: np.zeros((1, 1, 1), np.float32), runner)


class RegistryModel(RuleBasedStateMachine):
    """Which encoders are loaded, which is the default, and who holds which."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.health: list[bool] = []
        self.loaded, self.default = [0], 0
        self.held: list[tuple[int, Served, ExitStack]] = []
        self.leaving: list[tuple[Served, asyncio.Task[None]]] = []
        self.registry = self.run(self.begin())

    async def begin(self) -> Registry:
        first: Any = Numbered(0)
        registry = Registry(
            [first],
            lane=lane,
            load=lambda path: Numbered(int(path.stem)),  # type: ignore[arg-type, return-value]
            folder=AnyName(None),
            most=MOST,
        )
        await registry.start(self.told)
        return registry

    async def told(self, works: bool) -> None:
        self.health.append(works)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(number=st.sampled_from(NUMBERS), default=st.booleans())
    def load(self, number: int, default: bool) -> None:
        full = len(self.loaded) + len(self.leaving) >= MOST and number not in self.loaded
        if full:
            with pytest.raises(FailedPrecondition, match="3 encoders are loaded"):
                self.run(self.registry.load(f"{number}.onnx", make_default=default))
            return
        served = self.run(self.registry.load(f"{number}.onnx", make_default=default))
        assert served.encoder.digest == str(number)
        self.loaded += [] if number in self.loaded else [number]
        self.default = number if default else self.default

    @rule(number=st.sampled_from(NUMBERS))
    def set_default(self, number: int) -> None:
        if number in self.loaded:
            self.run(self.registry.set_default(str(number)))
            self.default = number
        else:
            with pytest.raises(NotFound):
                self.run(self.registry.set_default(str(number)))

    @rule(number=st.sampled_from(NUMBERS))
    def unload(self, number: int) -> None:
        served = self.registry._served.get(str(number))
        task = self.loop.create_task(self.registry.unload(str(number)))
        self.run(asyncio.sleep(0))
        if number == self.default or number not in self.loaded:
            kind = FailedPrecondition if number == self.default else NotFound
            assert isinstance(task.exception(), kind)
            return
        self.loaded.remove(number)
        assert served is not None
        self.leaving.append((served, task))

    @rule(number=st.sampled_from([None, *NUMBERS]))
    def enter(self, number: int | None) -> None:
        stack = ExitStack()
        if number is not None and number not in self.loaded:
            with pytest.raises(FailedPrecondition, match=f"the default is {self.default}"):
                stack.enter_context(self.registry.lease(str(number)))
            return
        served = stack.enter_context(self.registry.lease("" if number is None else str(number)))
        self.held.append((self.default if number is None else number, served, stack))

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if self.held:
            _, _, stack = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
            stack.close()

    @invariant()
    def what_is_held_works(self) -> None:
        for number, served, _ in self.held:
            ran = self.run(served.lane.runner.run(np.zeros((1, 1, 1), np.float32), Priority.BULK))
            assert ran.vector.tolist() == [number]

    @invariant()
    def what_nobody_holds_any_more_goes(self) -> None:
        holding = [served for _, served, _ in self.held]
        for entry in list(self.leaving):
            served, task = entry
            if served in holding:
                assert not task.done()
            else:
                self.run(asyncio.wait_for(task, 60))
                self.leaving.remove(entry)

    @invariant()
    def the_list_is_right(self) -> None:
        assert [served.encoder.digest for served in self.registry.all()] == list(map(str, self.loaded))
        assert self.registry.default.encoder.digest == str(self.default)
        assert self.health[-1]

    def teardown(self) -> None:
        self.run(self.registry.close())
        for _, task in self.leaving:
            assert task.cancelled() or self.run(asyncio.wait([task]))
        self.loop.close()


TestRegistry = RegistryModel.TestCase
TestRegistry.settings = settings(deadline=None, max_examples=25, stateful_step_count=25)


class Slow(Numbered):
    """Takes its time to warm up."""

    gate = threading.Event()
    warming = threading.Event()

    def probe(self, count: int) -> None:
        self.warming.set()
        assert self.gate.wait(60)


async def test_it_works_when_all_are_warm_and_one_that_was_unloaded_meanwhile_is_gone() -> None:
    class Later(Slow):
        gate, warming = threading.Event(), threading.Event()

    encoders: list[Any] = [Numbered(0), Later(1), Numbered(2)]
    registry = Registry(encoders, lane=lane, load=NotImplemented, folder=AnyName(None), most=3)
    health: list[bool] = []

    async def told(works: bool) -> None:
        health.append(works)

    starting = asyncio.create_task(registry.start(told))
    await asyncio.to_thread(Later.warming.wait, 60)
    unloading = [asyncio.create_task(registry.unload(digest)) for digest in ("1", "2")]
    await asyncio.sleep(0)
    assert health == []
    Later.gate.set()
    await asyncio.gather(starting, *unloading)
    assert health == [True]
    assert [served.encoder.digest for served in registry.all()] == ["0"]
    await registry.close()


async def unheard(works: bool) -> None:
    pass


async def test_a_load_that_nobody_waits_for_leaves_nothing() -> None:
    first: Any = Numbered(0)
    registry = Registry(
        [first],
        lane=lane,
        load=lambda path: Slow(int(path.stem)),  # type: ignore[arg-type, return-value]
        folder=AnyName(None),
        most=2,
    )
    await registry.start(unheard)
    loading = asyncio.create_task(registry.load("1.onnx", make_default=True))
    await asyncio.to_thread(Slow.warming.wait, 60)
    with registry.lease("") as served:  # those who serve go on meanwhile
        await served.lane.runner.run(np.zeros((1, 1, 1), np.float32), Priority.BULK)
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
    assert [served.encoder.digest for served in registry.all()] == ["0"]
    Slow.gate.set()
    assert (await registry.load("2.onnx", make_default=True)).encoder.digest == "2"
    await registry.close()
    with pytest.raises(Unavailable):
        await registry.load("0.onnx", make_default=False)


async def test_one_is_loaded_at_a_time_though_nobody_waits_for_it() -> None:
    first: Any = Numbered(0)
    gate, begun = threading.Event(), threading.Semaphore(0)
    under_way = most = 0

    def load(path: Path) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        begun.release()
        assert gate.wait(60)
        under_way -= 1
        return Numbered(int(path.stem))

    registry = Registry([first], lane=lane, load=load, folder=AnyName(None), most=4)
    await registry.start(unheard)
    for number in (1, 2):
        loading = asyncio.create_task(registry.load(f"{number}.onnx", make_default=False))
        await asyncio.to_thread(begun.acquire, timeout=60 if number == 1 else 0.1)
        loading.cancel()
    last = asyncio.create_task(registry.load("3.onnx", make_default=False))
    await asyncio.to_thread(begun.acquire, timeout=0.1)
    gate.set()
    assert (await last).encoder.digest == "3"
    assert most == 1
    assert [served.encoder.digest for served in registry.all()] == ["0", "3"]
    await registry.close()
