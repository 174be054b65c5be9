"""Threads that decode, whoever is urgent first."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from embed_service.batching.turns import Priority, Turns

__all__ = ["Decoders"]

T = TypeVar("T")

_Job = tuple[Future[Any], Callable[[], Any]]


class Decoders:
    """A pool of threads that takes interactive work before bulk work; for one event loop."""

    def __init__(self, threads: int) -> None:
        """Make room for `threads` threads, at least 1; they start when there is work."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._lock = threading.Lock()
        self._turns: Turns[_Job] = Turns()

    async def run(self, work: Callable[[], T], priority: Priority) -> T:
        """Return what `work` returns, called in a thread; when its caller is cancelled it leaves the queue.

        Raises:
            asyncio.CancelledError: also to whoever waits when the pool is closed.
            RuntimeError: the pool is closed already.
        """
        job = (Future[T](), work)
        with self._lock:
            self._pool.submit(self._next)  # one place for each piece of work; who takes it is decided then
            self._turns.put(job, priority)
        try:
            return await asyncio.wrap_future(job[0])
        except asyncio.CancelledError:  # its image no longer counts as inside, so nothing here may hold it
            with self._lock:
                self._turns.remove(job, priority)
            raise

    def close(self) -> None:
        """Cancel whatever has not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            left = self._turns.take(len(self._turns))
        for future, _ in left:
            future.cancel()

    def _next(self) -> None:
        with self._lock:
            taken = self._turns.take(1)
        for future, work in taken:
            if future.set_running_or_notify_cancel():
                _settle(future, work)


def _settle(future: Future[Any], work: Callable[[], Any]) -> None:
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
