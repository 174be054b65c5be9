"""All that the page's server holds in memory: a board for each dataset, a desk for each annotator on it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from vicinal_client import AsyncGraphClient
from vicinal_page.board import Board
from vicinal_page.desk import Desk
from vicinal_page.statements import Statements

__all__ = ["House", "Room"]

_MOST_DESKS = 256
_GRACE = 15.0
"""Seconds after which somebody has left and does not just load the page anew."""


class Room:
    """One dataset.

    Attributes:
        board: what is known of it.
        statements: what everybody has said.
        desks: who works here, by annotator; at most 256, the longest idle go.
    """

    def __init__(self, client: AsyncGraphClient, name: str) -> None:
        self.board = Board(client, name)
        self.statements = Statements(client, name)
        self.desks: OrderedDict[str, Desk] = OrderedDict()
        self._client = client

    def desk(self, annotator: str) -> Desk:
        """Return the desk of an annotator."""
        if annotator not in self.desks:
            self.desks[annotator] = Desk(self._client, self.board.name, annotator, self.statements)
            idle = [name for name, desk in self.desks.items() if not desk.present and name != annotator]
            for name in idle[: max(0, len(self.desks) - _MOST_DESKS)]:
                del self.desks[name]
        self.desks.move_to_end(annotator)
        return self.desks[annotator]

    def follow(self) -> None:
        """Let the board keep up with what is believed of all samples that lie on the desks."""
        classes = {name: i for i, name in enumerate(self.board.classes)}
        wanted: dict[str, tuple[int, float | None]] = {}
        for desk in self.desks.values():
            for item in desk.held:
                wanted |= {near.sample_id: (classes.get(near.class_name, -1), None) for near in item.evidence}
            wanted |= {item.sample_id: (item.class_index, item.confidence) for item in desk.held}
        self.board.follow(wanted)


class House:
    """Every dataset that somebody has asked for.

    Args:
        client: of the graph service.
    """

    def __init__(self, client: AsyncGraphClient) -> None:
        self.client = client
        self._rooms: dict[str, Room] = {}
        self._lock = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    async def room(self, dataset: str) -> Room:
        """Return the room of a dataset.

        Raises:
            NotFound: there is none of that name.
            VicinalError: the service cannot say.
        """
        async with self._lock:
            room = self._rooms.get(dataset)
            if room is None or room.board.is_gone:
                room = Room(self.client, dataset)
                await room.board.picture()
                self._rooms[dataset] = room
            return room

    @asynccontextmanager
    async def present(self, desk: Desk) -> AsyncGenerator[None, None]:
        """Know that somebody sits at a desk; what lies there is given back a little after the last left."""
        desk.present += 1
        try:
            yield
        finally:
            desk.present -= 1
            task = asyncio.create_task(self._cleared(desk))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Give back what lies on the desks, and stop following."""
        for task in self._leaving:
            task.cancel()
        rooms = self._rooms.values()
        await asyncio.gather(*(desk.leave() for room in rooms for desk in room.desks.values()))
        await asyncio.gather(*(room.board.close() for room in rooms))

    async def _cleared(self, desk: Desk) -> None:
        await asyncio.sleep(_GRACE)
        if not desk.present:
            await desk.leave()
