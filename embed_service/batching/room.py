"""How much may be inside the service at one time, in images and in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

__all__ = ["Room", "RoomFullError"]


class RoomFullError(Exception):
    """What asks to enter does not fit now."""


class Room:
    """Counts the encoded images that have been let into the service; for one event loop.

    Calls enter at once or are turned away; streams wait. Streams fill no more than half, so that bulk work
    slows down before it shuts single calls out. What stands at the door is not counted: the message that a
    call came with, and the one message that a stream has read and waits with.
    """

    def __init__(self, images: int, size: int) -> None:
        """Make room for `images` images of `size` bytes together, both at least 1."""
        self._limits = (images, size)
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self.images = 0
        self.bytes = 0

    @contextmanager
    def claim(self, images: int, size: int) -> Iterator[None]:
        """Hold room for `images` images of `size` bytes together.

        Raises:
            RoomFullError: they do not fit now.
        """
        if not self._fits(images, size, share=1):
            raise RoomFullError
        self._enter(images, size)
        try:
            yield
        finally:
            self._leave(images, size)

    @asynccontextmanager
    async def wait(self, size: int) -> AsyncIterator[None]:
        """Hold room for an image of `size` bytes once half of the room suffices; first come, first served."""
        async with self._turn:
            while not self._fits(1, size, share=2):
                self._freed.clear()
                await self._freed.wait()
            self._enter(1, size)
        try:
            yield
        finally:
            self._leave(1, size)

    def _fits(self, images: int, size: int, share: int) -> bool:
        if self.images == 0:  # an image of more than half of the bytes must get in some time
            return True
        most_images, most_bytes = self._limits
        return (self.images + images) * share <= most_images and (self.bytes + size) * share <= most_bytes

    def _enter(self, images: int, size: int) -> None:
        self.images += images
        self.bytes += size

    def _leave(self, images: int, size: int) -> None:
        self.images -= images
        self.bytes -= size
        self._freed.set()
