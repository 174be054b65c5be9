"""How every RPC is carried out: admitted, then run in a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import grpc
from google.protobuf.message import Message

from graph_service.engine.engine import Engine
from graph_service.rpc.admission import Admission
from vicinal.graph.v1 import graph_pb2_grpc as pb_grpc

__all__ = ["Calls", "Context"]

Context = grpc.aio.ServicerContext[Any, Any]
P = ParamSpec("P")
R = TypeVar("R")


class Calls(pb_grpc.GraphServiceServicer):
    """The service on the wire.

    Args:
        engine: the use cases; blocking and thread-safe.
        workers: threads for them. Writers that wait for one fsync together hold a thread each, so there
            are many more than cores.
        admission: what may be under way at once.
    """

    def __init__(self, engine: Engine, *, workers: int = 64, admission: Admission | None = None) -> None:
        self._engine = engine
        self._admission = admission or Admission()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="rpc")

    def close(self) -> None:
        """Start no work that still waits for a thread; what runs is not interrupted."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, request: Message, use_case: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a use case in a worker thread.

        A caller who goes away does not interrupt it: a write under way is carried to its end, and counts as
        under way for so long.
        """
        size, loop = request.ByteSize(), asyncio.get_running_loop()
        self._admission.enter(size)
        work = self._threads.submit(use_case, *args, **kwargs)
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._admission.leave, size))
        return await asyncio.wrap_future(work)
