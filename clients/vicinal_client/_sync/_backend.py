"""What asyncio and threads do differently. The twin of `vicinal_client._async._backend`, kept by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue as Queue
from time import sleep
from typing import Any, TypeVar

import grpc
from grpc import Channel
from grpc import Future as PendingCall
from grpc import StreamStreamMultiCallable as StreamCall
from grpc import UnaryUnaryMultiCallable as UnaryCall

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


def open_channel(
    target: str, credentials: grpc.ChannelCredentials | None, options: Sequence[tuple[str, Any]]
) -> Channel:
    """Return a channel to `target`, in plain text when there are no credentials. It connects at first use."""
    if credentials is None:
        return grpc.insecure_channel(target, options=options)
    return grpc.secure_channel(target, credentials, options=options)


def read_bytes(path: Path) -> bytes:
    """Return the content of the file."""
    return path.read_bytes()


def answer(call: Response) -> Response:
    """Return the call's answer, which is there already."""
    return call


def answer_and_metadata(
    method: UnaryCall[Request, Response], request: Request, timeout: float
) -> tuple[Response, Metadata]:
    """Call `method`; return its answer with the trailing metadata."""
    response, call = method.with_call(request, timeout=timeout)
    return response, (*(call.trailing_metadata() or ()),)


def begin(method: UnaryCall[Request, Response], request: Request, timeout: float) -> PendingCall[Response]:
    """Return the call, which is under way."""
    return method.future(request, timeout=timeout)


def finished(call: PendingCall[Response]) -> Response:
    """Wait for the call that `begin` returned, or raise `Cancelled` when it was cancelled."""
    try:
        return call.result()
    except grpc.FutureCancelledError:
        raise Cancelled("CANCELLED", "the client was closed") from None


def in_thread(function: Callable[..., Result], *arguments: Any) -> Result:
    """Return what `function` returns."""
    return function(*arguments)


def answers(call: Iterable[Response]) -> Iterator[Response]:
    """Return the call's answers."""
    return iter(call)
