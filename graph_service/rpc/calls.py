"""How every RPC is carried out: admitted, then run in a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, Protocol, TypeVar

import grpc

from graph_service.engine.engine import Engine
from graph_service.engine.revision.snapshot import Derived
from graph_service.rpc.admission import Admission
from vicinal.graph.v1 import graph_pb2_grpc as pb_grpc

__all__ = ["Calls", "Context"]

Context = grpc.aio.ServicerContext[Any, Any]
P = ParamSpec("P")
R = TypeVar("R")


class _Sized(Protocol):
    def ByteSize(self) -> int: ...


class _Read(_Sized, Protocol):
    @property
    def dataset(self) -> str: ...
    @property
    def min_revision(self) -> int: ...


class Calls(pb_grpc.GraphServiceServicer):
    """The service on the wire.

    Calls that may wait have threads of their own, so that those that need not never lack one.

    Args:
        engine: the use cases; blocking and thread-safe.
        workers: threads of each kind. Writers that wait for one fsync together hold a thread each, so there
            are many more than cores.
        admission: what may be under way at once.
    """

    def __init__(self, engine: Engine, *, workers: int = 64, admission: Admission | None = None) -> None:
        self._engine = engine
        self._admission = admission or Admission()
        self._writing, self._leasing, self._waiting, self._reading = self._threads = [
            ThreadPoolExecutor(workers, thread_name_prefix=name)
            for name in ("write", "lease", "wait", "read")
        ]

    def close(self) -> None:
        """Start no work that still waits for a thread; what runs is not interrupted."""
        for threads in self._threads:
            threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, request: _Sized, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that writes, or that waits while a write is applied."""
        return await self._admitted(self._writing, request, use_case, *args, **kwargs)

    async def _lease(self, request: _Sized, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that may wait for a propagation, for its turn, and for the log."""
        return await self._admitted(self._leasing, request, use_case, *args, **kwargs)

    async def _wait(self, request: _Sized, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that may wait for a propagation."""
        return await self._admitted(self._waiting, request, use_case, *args, **kwargs)

    async def _glance(
        self, request: _Sized, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a use case that waits for nothing."""
        return await self._admitted(self._reading, request, use_case, *args, **kwargs)

    async def _read(self, request: _Read, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that waits for a propagation only if the revision it asks for is not finished."""
        return await self._admitted(
            self._readers(request, Derived.BELIEFS), request, use_case, *args, **kwargs
        )

    async def _judged(self, request: _Read, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that may wait for the labels to be judged too."""
        threads = self._readers(request, Derived.JUDGEMENT)
        return await self._admitted(threads, request, use_case, *args, **kwargs)

    async def _audited(
        self, request: _Read, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a use case that may wait for the audit to be taken too."""
        threads = self._readers(request, Derived.AUDIT)
        return await self._admitted(threads, request, use_case, *args, **kwargs)

    def _readers(self, request: _Read, of: Derived) -> ThreadPoolExecutor:
        waits = self._engine.must_wait(request.dataset, request.min_revision, of)
        return self._waiting if waits else self._reading

    def _at_hand(self, request: _Sized, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case that looks whether its answer is at hand: sooner done than handed to a thread."""
        size = request.ByteSize()
        self._admission.enter(size)
        try:
            return use_case(*args, **kwargs)
        finally:
            self._admission.leave(size)

    async def _aside(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a part of a call that was admitted before; one that waits for nothing."""
        return await asyncio.wrap_future(self._reading.submit(work, *args, **kwargs))

    async def _admitted(
        self,
        threads: ThreadPoolExecutor,
        request: _Sized,
        use_case: Callable[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run a use case in a worker thread.

        A caller who goes away does not interrupt it: a write under way is carried to its end, and counts as
        under way for so long.
        """
        size, loop = request.ByteSize(), asyncio.get_running_loop()
        self._admission.enter(size)
        work = threads.submit(use_case, *args, **kwargs)
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._admission.leave, size))
        return await asyncio.wrap_future(work)
