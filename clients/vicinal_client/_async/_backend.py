"""What asyncio and threads do differently. The twin of `vicinal_client._sync._backend`, kept by hand."""

from __future__ import annotations

import asyncio
from asyncio import Queue, sleep
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import grpc
from grpc.aio import Channel, UnaryUnaryCall
from grpc.aio import StreamStreamMultiCallable as StreamCall
from grpc.aio import UnaryUnaryMultiCallable as UnaryCall

from vicinal_client._exceptions import Cancelled

__all__ = [
    "Channel",
    "PendingCall",
    "Queue",
    "StreamCall",
    "UnaryCall",
    "answer",
    "answer_and_metadata",
    "answers",
    "begin",
    "finished",
    "in_thread",
    "open_channel",
    "read_bytes",
    "sleep",
]

Request = TypeVar("Request")
Response = TypeVar("Response")
Result = TypeVar("Result")
Metadata = tuple[tuple[str, str | bytes], ...]

PendingCall = UnaryUnaryCall[Any, Response]


def open_channel(
    target: str, credentials: grpc.ChannelCredentials | None, options: Sequence[tuple[str, Any]]
) -> Channel:
    """Return a channel to `target`, in plain text when there are no credentials. It connects at first use."""
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, credentials, options=options)


async def read_bytes(path: Path) -> bytes:
    """Return the content of the file without holding up the event loop."""
    return await asyncio.to_thread(path.read_bytes)


async def answer(call: Awaitable[Response]) -> Response:
    """Return the call's answer, or raise `Cancelled` when the call was cancelled but this task was not."""
    try:
        return await call
    except asyncio.CancelledError:
        raise _who_cancelled() from None


async def answer_and_metadata(
    method: UnaryCall[Request, Response], request: Request, timeout: float
) -> tuple[Response, Metadata]:
    """Call `method`; return its answer with the trailing metadata. Raises as `answer` does."""
    call = method(request, timeout=timeout)
    response = await answer(call)
    return response, (*(await call.trailing_metadata()),)


def begin(method: UnaryCall[Request, Response], request: Request, timeout: float) -> PendingCall[Response]:
    """Return the call, which is under way."""
    return method(request, timeout=timeout)


async def finished(call: PendingCall[Response]) -> Response:
    """Wait for the call that `begin` returned; raises as `answer` does."""
    return await answer(call)


async def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Return what `function` returns, which takes its time, without holding up the event loop."""
    return await asyncio.to_thread(function, *arguments)


async def answers(call: AsyncIterable[Response]) -> AsyncIterator[Response]:
    """Yield the call's answers; raises as `answer` does."""
    try:
        async for response in call:
            yield response
    except asyncio.CancelledError:
        raise _who_cancelled() from None


def _who_cancelled() -> BaseException:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return asyncio.CancelledError()
    return Cancelled("CANCELLED", "the client was closed")
