"""Start the graph service: `python -m graph_service --help`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from graph_service import kernels
from graph_service.engine.engine import Engine
from graph_service.engine.requests.limits import Limits
from graph_service.log.embedded import EmbeddedServer, EmbeddedServerError
from graph_service.log.redis_store import RedisStore
from graph_service.log.settings import UnsuitableServer
from graph_service.process import settle, tune
from graph_service.rpc.servicer import SERVICE_NAME, GraphServicer
from vicinal.graph.v1 import graph_pb2_grpc
from vicinal.wire.errors import ServiceError
from vicinal.wire.serving import Server, ServerOptions, serve

_logger = logging.getLogger("graph_service")

_HEALTH_EVERY = 1.0
"""Seconds between two looks at the log."""
_LEASED_BYTES = 1280
"""The most that a leased sample takes in an answer: its id, its lease's, and a name."""

_EPILOG = """\
The log is the only truth: everything in memory is rebuilt from it at the start. Without --redis-url the
service runs a Valkey server of its own on the data directory. With it, the server named must have
appendonly yes, appendfsync always, no-appendfsync-on-rewrite no and maxmemory-policy noeviction, or an
acknowledged label could be lost.

examples:
  python -m graph_service --data-dir ./vicinal-data
  python -m graph_service --redis-url redis://redis:6379/0 --host 0.0.0.0
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m graph_service",
        description="vicinal's graph service: vectors and labels in; beliefs, suggestions and flags out.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    limits = Limits()
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=50052, help="port, 0 for any free one (default %(default)s)")
    add("--port-file", type=Path, metavar="PATH", help="write the port there once the service listens")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--data-dir",
        type=Path,
        default=Path("vicinal-data"),
        help="where the embedded store keeps the log (default ./%(default)s)",
    )
    where.add_argument("--redis-url", metavar="URL", help="a Redis >= 7 or Valkey server to use instead")
    add(
        "--allow-cache-only",
        action="store_true",
        help="accept a server that may lose acknowledged writes (for throw-away data only)",
    )
    add("--max-samples", type=int, default=limits.max_samples, help="samples a dataset (default %(default)s)")
    add(
        "--max-scores",
        type=int,
        default=limits.max_scores,
        help="samples times classes a dataset, about 50 bytes each, and at most 3 GB a dataset for what "
        "PAPER and SYMMETRIZED keep from one propagation for the next (default %(default)s)",
    )
    add(
        "--max-message-bytes",
        type=int,
        default=limits.max_message_bytes,
        help="bytes of one message (default %(default)s)",
    )
    add(
        "--grace",
        type=float,
        default=10.0,
        help="seconds for calls under way at the stop (default %(default)s)",
    )
    add("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    return parser.parse_args()


def _store(arguments: argparse.Namespace, held: ExitStack) -> RedisStore:
    """Connect to the store, starting the embedded one when no other is named."""
    url = arguments.redis_url
    if not url:
        url = held.enter_context(EmbeddedServer(arguments.data_dir)).url
    store = RedisStore.connect(url, allow_cache_only=arguments.allow_cache_only)
    held.callback(store.close)
    return store


async def _watch(engine: Engine, server: Server) -> None:
    """Say NOT_SERVING while writes cannot be acknowledged."""
    before: str | None = None
    while True:
        await asyncio.sleep(_HEALTH_EVERY)
        trouble = await asyncio.to_thread(engine.trouble)
        if trouble and not before:
            _logger.error("not serving: %s", trouble)
        elif before and not trouble:
            _logger.info("serving again")
        await server.set_serving(trouble is None)
        before = trouble


async def _serve(arguments: argparse.Namespace, store: RedisStore) -> None:
    limits = replace(
        Limits(),
        max_samples=arguments.max_samples,
        max_scores=arguments.max_scores,
        max_message_bytes=arguments.max_message_bytes,
        max_leased_samples=min(Limits.max_leased_samples, arguments.max_message_bytes // _LEASED_BYTES),
    )
    engine = Engine(store, limits)
    servicer = GraphServicer(engine)
    # Of its own, not the loop's: at a stop the loop would wait for a replay to end.
    opening = ThreadPoolExecutor(1, thread_name_prefix="open")
    server = Server(
        ServerOptions(
            host=arguments.host,
            port=arguments.port,
            max_message_bytes=arguments.max_message_bytes,
            grace=arguments.grace,
            port_file=arguments.port_file,
        ),
        domain="graph.vicinal",
        services=[SERVICE_NAME],
        register=lambda it: graph_pb2_grpc.add_GraphServiceServicer_to_server(servicer, it),
    )
    watch: asyncio.Task[None] | None = None

    async def on_start() -> None:
        nonlocal watch
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(opening, kernels.load)
        settle()  # before there are datasets, which the collector has to free once they are deleted
        await loop.run_in_executor(opening, engine.open)
        watch = asyncio.create_task(_watch(engine, server))

    async def on_stop() -> None:
        engine.close()
        servicer.close()
        opening.shutdown(wait=False, cancel_futures=True)
        if watch is not None:
            watch.cancel()

    await serve(server, on_start=on_start, on_stop=on_stop, on_drain=engine.close)


def main() -> int:
    """Run the service; the exit status is 1 when it cannot start."""
    arguments = _arguments()
    logging.basicConfig(
        level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    tune()
    # Until the server listens and handles signals itself: leave in good order, so that the store stops too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ExitStack() as held:
        try:
            asyncio.run(_serve(arguments, _store(arguments, held)))
        except (EmbeddedServerError, UnsuitableServer, ServiceError, ValueError, OSError) as error:
            _logger.error("cannot start: %s", error)
            return 1
    return 0


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Everything that must end well has; reads still computing for callers who are gone are not waited for.
    os._exit(status)
