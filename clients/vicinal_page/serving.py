"""The page's server: listens, says where, ends in good order."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from vicinal_client import AsyncGraphClient, VicinalError
from vicinal_page.app import application
from vicinal_page.settings import DEFAULT_PORT, Settings

__all__ = ["listen", "serve"]

_TIMEOUT = 60.0
"""Seconds for one call of the graph service: large datasets take their time to propagate."""
_PATIENCE = 3.0
"""Seconds for a call that is not needed."""
_GRACE = 3

_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Tells the streams that never end by themselves to end, and ends in good order when a signal says so."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal, without dying of it afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: it cannot, e.g. the port that was asked for is taken.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    if settings.port is not None:
        return socket.create_server((settings.host, settings.port), family=family)
    try:
        return socket.create_server((settings.host, DEFAULT_PORT), family=family)
    except OSError:
        return socket.create_server((settings.host, 0), family=family)


def serve(settings: Settings, on_listening: Callable[[int], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        settings: how.
        on_listening: called with the port once browsers may connect.

    Raises:
        OSError: the port is taken.
    """
    with listen(settings) as listener:
        on_listening(listener.getsockname()[1])
        asyncio.run(_serve(settings, listener))


async def _warn(settings: Settings, client: AsyncGraphClient) -> None:
    """Say which images are of datasets that are not there: not yet, or by a slip of the pen."""
    named = settings.images.keys() - {""}
    if not named:
        return
    with suppress(VicinalError):  # the page itself says so
        known = {dataset.name for dataset in await client.list_datasets(timeout=_PATIENCE)}
        for name in sorted(named - known):
            _log.warning("--images %s=%s: there is no dataset %r yet", name, settings.images[name], name)


async def _serve(settings: Settings, listener: socket.socket) -> None:
    stopping = asyncio.Event()
    async with AsyncGraphClient(settings.target, timeout=_TIMEOUT) as client:
        await _warn(settings, client)
        app = application(settings, client, stopping)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
            lifespan="on",
        )
        await _Server(config, stopping).serve(sockets=[listener])
