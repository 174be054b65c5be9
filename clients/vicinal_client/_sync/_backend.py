"""What asyncio and threads do differently. The twin of `vicinal_client._async._backend`, kept by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue as Queue
from time import sleep
from typing import Any, TypeVar

import grpc
from grpc import Channel
from grpc import StreamStreamMultiCallable as StreamCall
from grpc import UnaryUnaryMultiCallable as UnaryCall

__all__ = [
    "Channel",
    "Queue",
    "StreamCall",
    "UnaryCall",
    "answer",
    "answers",
    "open_channel",
    "read_bytes",
    "sleep",
]

Response = TypeVar("Response")


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


def answers(call: Iterable[Response]) -> Iterator[Response]:
    """Return the call's answers."""
    return iter(call)
