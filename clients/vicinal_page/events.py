"""Server-sent events: the dataset, and what lies on one annotator's desk, whenever beliefs move."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from vicinal_client import VicinalError
from vicinal_page.asked import text
from vicinal_page.board import Picture
from vicinal_page.desk import LEASE_SECONDS, Desk
from vicinal_page.house import House, Room
from vicinal_page.told import desk_of, state_of

__all__ = ["Events"]

_BEAT = 10.0
"""Seconds of silence after which a comment is sent: who has gone is noticed by it."""
_RENEW = LEASE_SECONDS / 3


class Events:
    """Streams of what happens; while one is open its annotator keeps what lies ready.

    Args:
        house: what is held in memory.
        stopping: set when the server is to end, and with it every stream.
    """

    def __init__(self, house: House, stopping: asyncio.Event) -> None:
        self._house = house
        self._stopping = stopping

    def routes(self) -> list[BaseRoute]:
        """Return where they are found."""
        return [Route("/api/events", self.events)]

    async def events(self, request: Request) -> Response:
        """Open a stream. Each event is JSON: `state`, and `desk` with what lies ready."""
        room = await self._house.room(text(request.query_params, "dataset"))
        desk = room.desk(text(request.query_params, "annotator"))
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(room, desk), media_type="text/event-stream", headers=headers)

    async def _stream(self, room: Room, desk: Desk) -> AsyncGenerator[str, None]:
        renewed = time.monotonic()
        async with self._house.present(desk), aclosing(room.board.pictures()) as pictures:
            following: asyncio.Task[Picture | None] | None = None
            stopping = asyncio.create_task(self._stopping.wait())
            try:
                while not stopping.done():
                    following = following or asyncio.create_task(_next(pictures))
                    await asyncio.wait(
                        {following, stopping}, timeout=_BEAT, return_when=asyncio.FIRST_COMPLETED
                    )
                    if following.done():
                        picture, following = following.result(), None
                        if picture is None:
                            yield _event({"gone": room.board.name})
                            return
                        room.follow()
                        yield _event({"state": state_of(picture), "desk": desk_of(room, desk)})
                    else:
                        yield ": still here\n\n"
                    if time.monotonic() - renewed > _RENEW:
                        renewed = time.monotonic()
                        with suppress(VicinalError):
                            await desk.renew()
            finally:
                stopping.cancel()
                if following:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)


async def _next(pictures: AsyncGenerator[Picture, None]) -> Picture | None:
    return await anext(pictures, None)


def _event(content: Any) -> str:
    return f"data: {json.dumps(content)}\n\n"
