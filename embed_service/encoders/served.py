"""One encoder that is served, and who is inside."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from embed_service.batching.lane import Lane
from embed_service.encoder.model import Encoder

__all__ = ["Served"]


class Served:
    """An encoder with its lane; for one event loop.

    Attributes:
        encoder: the encoder.
        lane: its way through the pipeline.
        ready: whether its inference works.
    """

    def __init__(self, encoder: Encoder, lane: Lane) -> None:
        self.encoder = encoder
        self.lane = lane
        self.ready = False
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside: the encoder is kept as long as anyone is."""
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    async def emptied(self) -> None:
        """Wait until nobody is inside."""
        await self._empty.wait()
