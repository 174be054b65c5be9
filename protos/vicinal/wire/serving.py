"""Run a grpc.aio server: health, reflection, what every call goes through, an orderly stop.

Needs the services' extras (grpcio-health-checking, grpcio-reflection); callers never import it.

    server = Server(options, domain="graph.vicinal", services=[NAME], register=add_servicer)
    await serve(server, on_start=engine.open, on_stop=engine.close)

`serve` runs until SIGTERM or SIGINT. Tests, which want no signals, use `start` and `stop` themselves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from vicinal.wire.interceptors import Refusals, ServerTime

__all__ = ["Server", "ServerOptions", "serve"]

logger = logging.getLogger(__name__)

_KEEPALIVE = (
    # Clients may ping every 10 s, calls or none; a little less is allowed so that a late ping never
    # makes the next one look too early.
    ("grpc.http2.min_ping_interval_without_data_ms", 9_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # A peer that vanished without a word is found within 40 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    # Otherwise a second service on the same port starts without complaint and takes half of the calls.
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True)
class ServerOptions:
    """Where a server listens and what it bears.

    Attributes:
        host: name or address to listen on, e.g. "127.0.0.1" or "::".
        port: 0 lets the system choose; the chosen one is logged and in `Server.port`.
        max_message_bytes: most bytes of one message, either way.
        max_concurrent_rpcs: calls under way at one time, health checks included; more are refused with
            RESOURCE_EXHAUSTED. None: no limit.
        grace: seconds that calls under way get to finish when the server stops.
        port_file: where to write the port once the server listens (atomically; removed at the stop).
    """

    host: str = "127.0.0.1"
    port: int = 0
    max_message_bytes: int = 4 * 1024 * 1024
    max_concurrent_rpcs: int | None = None
    grace: float = 10.0
    port_file: Path | None = None


class Server:
    """A grpc.aio server with the standard health and reflection services.

    Health says NOT_SERVING, for the server as a whole ("") and for each of its services, until
    `set_serving(True)`; after `stop` it says NOT_SERVING for good. Use it on one event loop.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        domain: str,
        services: Sequence[str],
        register: Callable[[grpc.aio.Server], None],
    ) -> None:
        """Describe the server; nothing is opened before `start`.

        Args:
            options: where to listen and what to bear.
            domain: the ErrorInfo domain of this server's refusals, e.g. "graph.vicinal".
            services: full names of the services that `register` adds, e.g. "vicinal.graph.v1.GraphService".
            register: adds the servicers, whose methods are coroutines or async generators.
        """
        self.options = options
        self.port = options.port
        self._domain = domain
        self._services = tuple(services)
        self._register = register
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        """HOST:PORT, with the port that was chosen once the server has started."""
        host = self.options.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def start(self) -> None:
        """Listen; calls are answered from here on, and health says NOT_SERVING.

        Raises:
            OSError: the address cannot be listened on.
        """
        limit = self.options.max_message_bytes
        server = grpc.aio.server(
            interceptors=[ServerTime(self._services), Refusals(self._domain, self._services)],
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                *_KEEPALIVE,
            ],
            maximum_concurrent_rpcs=self.options.max_concurrent_rpcs,
        )
        self._register(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(
            [*filter(_is_described, self._services), health.SERVICE_NAME, reflection.SERVICE_NAME], server
        )
        await self.set_serving(False)
        try:
            self.port = server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self.address}: is the port taken or the host wrong?") from error
        await server.start()
        self._server = server
        if self.options.port_file:
            _write_atomically(self.options.port_file, f"{self.port}\n")
        logger.info("listening on %s", self.address)

    async def set_serving(self, serving: bool) -> None:
        """Make health say SERVING or NOT_SERVING; without effect once the server is stopping."""
        status = (
            health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for name in ("", *self._services):
            await self._health.set(name, status)

    async def stop(self) -> None:
        """Say NOT_SERVING, take no new calls, and let those under way finish within the grace time."""
        await self._health.enter_graceful_shutdown()
        if self._server is not None:
            await self._server.stop(self.options.grace)
            if self.options.port_file:
                self.options.port_file.unlink(missing_ok=True)


async def serve(
    server: Server,
    *,
    on_start: Callable[[], Awaitable[None]],
    on_stop: Callable[[], Awaitable[None]],
    on_drain: Callable[[], None] | None = None,
) -> None:
    """Run `server` until SIGTERM or SIGINT; a second signal ends the process at once.

    The server listens, `on_start` makes it ready, health says SERVING, and at the signal calls under
    way are drained before `on_stop` closes what they used. A signal during `on_start` cancels it.

    Args:
        server: not started yet.
        on_start: warms up, opens the log and so on. What it raises ends `serve` after the clean-up.
        on_stop: releases what `on_start` took; called in every case, also when `on_start` failed.
        on_drain: called when the stop begins, before the calls under way are waited for: the moment for
            long streams to be told to come back later.

    Raises:
        OSError: the address cannot be listened on.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def on_signal() -> None:
        stopping.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await server.start()
        if await _finished_before(stopping, on_start()):
            await server.set_serving(True)
            logger.info("serving on %s", server.address)
            await stopping.wait()
        logger.info("stopping: calls under way have %g s to finish", server.options.grace)
    finally:
        if on_drain is not None:
            on_drain()
        await server.stop()
        await on_stop()
    logger.info("stopped")


async def _finished_before(stopping: asyncio.Event, work: Awaitable[None]) -> bool:
    """Await `work`, or cancel it when `stopping` is set first; return whether it finished."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            return True
        return False
    finally:
        for pending in (task, stop):
            pending.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)


def _is_described(service: str) -> bool:
    """Whether this process knows the methods of `service`: tools stumble over a name that leads nowhere."""
    try:
        descriptor_pool.Default().FindServiceByName(service)
    except KeyError:
        return False
    return True


def _write_atomically(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)
