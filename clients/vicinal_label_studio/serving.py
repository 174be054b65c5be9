"""The back end as a process: its clients, its worker, its web server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from vicinal_client import AsyncEmbedClient, AsyncGraphClient
from vicinal_label_studio.app import make_app
from vicinal_label_studio.beliefs import follow
from vicinal_label_studio.bridge import Bridge, Wishes
from vicinal_label_studio.guard import Guard
from vicinal_label_studio.platform import LabelStudio
from vicinal_label_studio.worker import Worker

__all__ = ["Place", "Sides", "serve", "working"]

_TIMEOUT = 120.0
"""Seconds for one request to vicinal's services: large datasets take their time."""
_GRACE = 5
"""Seconds that requests under way get at the end."""


@dataclass(frozen=True)
class Sides:
    """What is bridged.

    Attributes:
        label_studio: URL of Label Studio.
        token: of a user who may change the project.
        graph: HOST:PORT of the graph service.
        embed: HOST:PORT of the embedding service.
    """

    label_studio: str
    token: str
    graph: str
    embed: str


@dataclass(frozen=True)
class Place:
    """Where the back end listens, and whom it lets in.

    Attributes:
        host: to bind to.
        port: to bind to.
        guard: who may ask.
        compare_every: seconds between full comparisons.
        look_every: seconds between looks at Label Studio's own counts.
    """

    host: str
    port: int
    guard: Guard
    compare_every: float = 600.0
    look_every: float = 15.0


async def serve(wishes: Wishes, sides: Sides, place: Place) -> None:
    """Serve one project until the process is told to end. Neither side needs to be up already."""
    async with (
        LabelStudio(sides.label_studio, sides.token) as platform,
        AsyncGraphClient(sides.graph, timeout=_TIMEOUT) as graph,
        AsyncEmbedClient(sides.embed, timeout=_TIMEOUT) as embed,
    ):
        bridge = Bridge(wishes, platform, graph, embed)
        app = make_app(bridge, place.guard, lifespan=lambda: working(bridge, graph, place))
        config = uvicorn.Config(
            app,
            place.host,
            place.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE,
        )
        await uvicorn.Server(config).serve()


@asynccontextmanager
async def working(bridge: Bridge, graph: AsyncGraphClient, place: Place) -> AsyncIterator[None]:
    """Let the worker work, and beliefs be followed, while the block runs."""
    worker = Worker(bridge, compare_every=place.compare_every, look_every=place.look_every)
    moved: Callable[[], None] = bridge.agenda.refresh
    following = follow(graph, bridge.wishes.dataset, bridge.table, moved)
    tasks = [asyncio.create_task(worker.run()), asyncio.create_task(following)]
    logging.getLogger(__name__).info("at work on project %d", bridge.wishes.project)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await bridge.aclose()
