"""One process of the load generator: its own event loop, its own connection, orders from a pipe."""

from __future__ import annotations

import asyncio
import selectors
import signal
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from multiprocessing.connection import Connection
from time import monotonic

from vicinal_cli.loadtest.arrivals import Arrival, plan
from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.orders import CLICK, READS, STEPS, Echo, Failure, Job, Load, Progress, Ready
from vicinal_cli.loadtest.tally import Tally
from vicinal_cli.loadtest.traffic import Traffic
from vicinal_client import AsyncGraphClient, FinishedCall, RetryPolicy, ServiceError, VicinalError

__all__ = ["work"]

_EVERY = 0.5
"""Seconds between two words on progress."""
_WARM = 50
"""Echoes that do not count, before those that do."""

_calls: ContextVar[list[FinishedCall]] = ContextVar("calls")
"""The calls of the operation that this task is at."""


def work(connection: Connection, job: Job) -> None:
    """Obey the orders that come through `connection` until it is closed or None comes.

    Args:
        connection: takes `Echo`, `Load` and None; gives `Ready`, `Progress`, `Failure`, and the answers.
        job: what this worker is for.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the command
    # epoll counts in whole milliseconds, which is as long as an echo; select counts in microseconds.
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        try:
            runner.run(_obey(connection, job))
        except* (EOFError, BrokenPipeError):  # whoever gave the orders is gone
            pass
        except* VicinalError as group:
            connection.send(Failure("; ".join(map(str, group.exceptions))))


async def _obey(connection: Connection, job: Job) -> None:
    client = AsyncGraphClient(
        job.subject.address, timeout=job.timeout, retry=RetryPolicy(attempts=1), on_call=_note
    )
    async with client:
        traffic = Traffic(client, job)
        await traffic.prepare()
        connection.send(Ready())
        while (order := await asyncio.to_thread(connection.recv)) is not None:
            if isinstance(order, Echo):
                connection.send(await _echo(client, order.count))
            else:
                connection.send(await _Run(traffic, job, order).run(connection))


async def _echo(client: AsyncGraphClient, count: int) -> Histogram:
    """Time the health check, the least that the same server answers through the same connection."""
    found = Histogram()
    for i in range(_WARM + count):
        begun = monotonic()
        await client.wait_until_ready()
        if i >= _WARM:
            found.add(monotonic() - begun)
    return found


def _note(call: FinishedCall) -> None:
    _calls.get([]).append(call)


class _Run:
    """One load, from the first operation to the answer to the last."""

    def __init__(self, traffic: Traffic, job: Job, load: Load) -> None:
        self._traffic = traffic
        self._job = job
        self._load = load
        self._tally = Tally()
        self._under_way: set[asyncio.Task[None]] = set()
        self._clicks = 0
        self._done = 0

    async def run(self, connection: Connection) -> Tally:
        """Do it, telling through the connection how far it is.

        Raises:
            BrokenPipeError: nobody listens any more.
        """
        load, job = self._load, self._job
        arrivals = plan(load.rates, load.seconds, seed=load.seed, worker=job.worker, workers=job.workers)
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(connection))
            annotators = range(self._traffic.annotators if load.closed else 0)
            await _until(load.start)
            clicking = [group.create_task(self._click_on(number)) for number in annotators]
            await self._begin_all(arrivals, group)
            await _until(load.start + load.seconds)
            self._tally.unfinished = self._clicks
            for task in [*self._under_way, *clicking]:
                await task
            telling.cancel()
        return self._tally

    async def _begin_all(self, arrivals: list[Arrival], group: asyncio.TaskGroup) -> None:
        """Begin every operation at its time, whether those before it are answered or not."""
        for arrival in arrivals:
            await _until(self._load.start + arrival.at)
            row = self._tally.row(arrival.operation)
            if len(self._under_way) >= self._job.most:
                row.plan(arrival.at)
                row.failed(arrival.at, f"dropped: {self._job.most} were under way")
                continue
            task = group.create_task(self._do(arrival))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _click_on(self, number: int) -> None:
        """Click until the time is over, each time as soon as the click before is answered."""
        click = self._traffic.click_of(number)
        while (at := monotonic() - self._load.start) < self._load.seconds:
            await self._do(Arrival(at, CLICK), click)

    async def _do(self, arrival: Arrival, act: Callable[[], Awaitable[None]] | None = None) -> None:
        """Do one operation and write down what came of it."""
        name, at = arrival.operation, arrival.at
        self._tally.lag.add(monotonic() - self._load.start - at)
        calls: list[FinishedCall] = []
        _calls.set(calls)
        propagated = self._traffic.propagations.watch()
        self._clicks += name == CLICK
        failure: VicinalError | None = None
        try:
            await (act or self._traffic.operations[name])()
        except VicinalError as error:
            failure = error
        self._clicks -= name == CLICK
        latency = monotonic() - self._load.start - at
        if self._load.split and name in READS and not propagated():
            name = f"{name}, no propagation"
        row = self._tally.row(name)
        row.plan(at)
        if failure is None:
            row.answered(at, latency)
            self._done += 1
        else:
            row.failed(at, _reason(failure))
        self._write_down(name, at, calls)

    def _write_down(self, name: str, at: float, calls: list[FinishedCall]) -> None:
        """Write down the operation's calls: a click's in rows of their own, others' beside their latency."""
        for call in calls:
            row = self._tally.row(call.method if name == CLICK else name)
            if name == CLICK and call.method in STEPS:
                row.plan(at)
                if call.error is None:
                    row.answered(at, call.seconds)
                else:
                    row.failed(at, _reason(call.error))
                at += call.seconds
            if call.server_seconds is not None:
                row.server.add(call.server_seconds)
                row.transport.add(call.seconds - call.server_seconds)

    async def _tell(self, connection: Connection) -> None:
        while True:
            connection.send(Progress(self._done, self._tally.errors))
            await asyncio.sleep(_EVERY)


async def _until(moment: float) -> None:
    """Wait for a moment of `time.monotonic`; one that is past lets others have a turn."""
    await asyncio.sleep(max(0.0, moment - monotonic()))


def _reason(error: VicinalError) -> str:
    return error.reason if isinstance(error, ServiceError) else getattr(error, "code", type(error).__name__)
