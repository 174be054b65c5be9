"""The RPC that tells of beliefs as they move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from graph_service.engine.watching import Changes
from graph_service.rpc.calls import Calls, Context
from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.wire import tensors

__all__ = ["WatchCalls"]

_MIN_CHANGE = 0.05


class WatchCalls(Calls):
    """Watch what is believed. No thread is held while there is nothing to tell."""

    async def WatchBeliefs(
        self, request: pb.WatchBeliefsRequest, context: Context
    ) -> AsyncIterator[pb.WatchBeliefsResponse]:
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def on_news() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(news.set)

        watch = self._engine.watch_beliefs(
            request.dataset,
            request.min_revision,
            min_change=request.min_change if request.HasField("min_change") else _MIN_CHANGE,
            changes_only=request.changes_only,
            on_news=on_news,
        )
        try:
            changes = await self._wait(request, watch.changes)
            while True:
                for part in self._engine.parts(changes) if changes else ():
                    yield await self._aside(_message, part)
                if changes is None:
                    await news.wait()
                news.clear()
                changes = await self._aside(watch.changes)
        finally:
            watch.close()


def _message(changes: Changes) -> pb.WatchBeliefsResponse:
    return pb.WatchBeliefsResponse(
        revision=changes.revision,
        left_sample_ids=changes.left,
        sample_ids=changes.sample_ids,
        classes=tensors.pack(changes.classes),
        confidences=tensors.pack(changes.confidences),
        is_last=changes.is_last,
    )
