"""What asyncio and threads do differently. The twin of `vicinal_client._sync._backend`, kept by hand."""

from __future__ import annotations

import asyncio
from asyncio import Queue, sleep
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from grpc.aio import Channel
from grpc.aio import StreamStreamMultiCallable as StreamCall
from grpc.aio import UnaryUnaryMultiCallable as UnaryCall

__all__ = ["Channel", "Queue", "StreamCall", "UnaryCall", "open_channel", "read_bytes", "sleep"]


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
