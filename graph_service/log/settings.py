"""Whether a server keeps what it acknowledges.

An answered write must survive a power cut. A server keeps that promise only with an append-only file that
is synced before each answer, and with no leave to throw data away when memory runs out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import redis

from graph_service.log.connection import reported

__all__ = ["REQUIRED", "UnsuitableServer", "check"]

REQUIRED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}
"""Settings without which a server can lose an acknowledged write."""
_OLDEST = 7

_logger = logging.getLogger(__name__)


class UnsuitableServer(RuntimeError):
    """A server that the log cannot be trusted to. The message says why, and what to set."""


def check(client: redis.Redis, *, allow_cache_only: bool = False) -> None:
    """Return if the server can hold the log.

    Args:
        client: a connection to it.
        allow_cache_only: let a server pass that may lose acknowledged writes, with a warning in the
            program's log for each reason.

    Raises:
        UnsuitableServer: it is older than Redis 7, a cluster, or (unless allowed) may lose writes.
        Unavailable: LOG_UNAVAILABLE, it does not answer.
    """
    with reported():
        server: Any = client.info("server")
        losses = _losses(client)
    _check_kind(server)
    if not losses:
        return
    if not allow_cache_only:
        advice = "Or accept that with --allow-cache-only."
        raise UnsuitableServer(" ".join(["The server may lose writes that were answered.", *losses, advice]))
    for loss in losses:
        _logger.warning("ANSWERED WRITES MAY BE LOST (--allow-cache-only): %s", loss)


def _check_kind(server: Mapping[str, Any]) -> None:
    version = str(server.get("redis_version", "0"))
    if int(version.split(".")[0]) < _OLDEST:
        raise UnsuitableServer(
            f"The server is Redis {version}; Redis {_OLDEST} or newer, or Valkey, is needed."
        )
    if "cluster" in (server.get("redis_mode"), server.get("server_mode")):
        raise UnsuitableServer("The server is part of a cluster; one server on its own is needed.")


def _losses(client: redis.Redis) -> list[str]:
    """Return a sentence for each reason why the server may lose an answered write."""
    try:
        actual: Any = client.config_get(*REQUIRED)
    except redis.ResponseError as error:
        return [f"It does not let its settings be read, so they cannot be relied on (CONFIG GET: {error})."]
    return [
        f"{name} is {actual.get(name, 'unknown')}, and must be {value}: CONFIG SET {name} {value}, "
        f"and `{name} {value}` in its configuration file."
        for name, value in REQUIRED.items()
        if actual.get(name) != value
    ]
