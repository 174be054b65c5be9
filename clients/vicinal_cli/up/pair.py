"""Both services side by side, and the page in front of them: ready together, gone together."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vicinal_cli.errors import CliError
from vicinal_cli.up.guard import Guard
from vicinal_cli.up.orphans import adopt_orphans, end_children
from vicinal_cli.up.service import Service, ServiceSpec
from vicinal_client import AsyncEmbedClient, AsyncGraphClient

__all__ = ["PairOptions", "run_pair"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ORPHAN_GRACE = 30.0
"""Seconds for what a dead service left running."""


@dataclass(frozen=True)
class PairOptions:
    """Where the services listen and what they are given.

    Attributes:
        host: where both listen.
        embed_port: 0 for any free one.
        graph_port: 0 for any free one.
        embed_arguments: more flags of `python -m embed_service`.
        graph_arguments: more flags of `python -m graph_service`.
        page: returns how to start the page, given the graph service's address; None for no page.
    """

    host: str
    embed_port: int
    graph_port: int
    embed_arguments: Sequence[str]
    graph_arguments: Sequence[str]
    page: Callable[[str], ServiceSpec] | None = None

    def specs(self) -> tuple[ServiceSpec, ServiceSpec]:
        """Return how to start the embedding and the graph service."""
        return (
            ServiceSpec(
                "embed", "embed_service", self.embed_arguments, AsyncEmbedClient, self.host, self.embed_port
            ),
            ServiceSpec(
                "graph", "graph_service", self.graph_arguments, AsyncGraphClient, self.host, self.graph_port
            ),
        )


async def run_pair(options: PairOptions, on_serving: Callable[..., None]) -> None:
    """Run the services until SIGINT, SIGTERM or SIGHUP; when this returns or raises, all are gone.

    A second signal ends them at once, without waiting for calls under way.

    Args:
        options: what to run.
        on_serving: called with the addresses of the embedding and the graph service, and of the page if there
            is one, when all are SERVING.

    Raises:
        CliError: one ended by itself; the others were stopped.
    """
    adopt_orphans()
    services: list[Service] = []
    stop = _stop_signal(services)
    with tempfile.TemporaryDirectory(prefix="vicinal-") as folder:
        try:
            with Guard() as guard:
                try:

                    async def start(spec: ServiceSpec) -> Service:
                        services.append(await Service.start(spec, Path(folder)))
                        guard.watch(services[-1].pid)
                        return services[-1]

                    for spec in options.specs():
                        await start(spec)
                    serving = await _until(_serving(services), services, stop)
                    if serving and options.page:
                        page = await start(options.page(services[-1].address))
                        serving = await _until(page.serving(), services, stop)
                    if serving:
                        on_serving(*(service.address for service in services))
                        await _until(stop.wait(), services, stop)
                finally:
                    await _stopped(services)
        finally:
            await asyncio.to_thread(end_children, _ORPHAN_GRACE)


async def _stopped(services: Sequence[Service]) -> None:
    for service in services:
        service.ask_to_stop()
    await asyncio.gather(*(service.stopped() for service in services))


def _stop_signal(services: Sequence[Service]) -> asyncio.Event:
    """Return what the first signal sets. It asks every service to stop, and so does each later one."""
    event = asyncio.Event()

    def on_signal() -> None:
        for service in services:
            service.ask_to_stop(again=event.is_set())
        event.set()

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return event


async def _until(event: Awaitable[object], services: Sequence[Service], stop: asyncio.Event) -> bool:
    """Wait for the event; return whether it came before a signal did.

    Raises:
        CliError: a service ended by itself.
    """
    ends = [asyncio.ensure_future(service.ended()) for service in services]
    wish = asyncio.ensure_future(stop.wait())
    ready = asyncio.ensure_future(event)
    tasks: list[asyncio.Future[Any]] = [*ends, wish, ready]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if wish.done():
            return False
        if not ready.done():
            raise CliError(next(end.result() for end in ends if end.done()), "the others were stopped")
        ready.result()
        return True
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serving(services: Sequence[Service]) -> None:
    await asyncio.gather(*(service.serving() for service in services))
