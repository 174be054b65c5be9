"""Connections to the store, and its failures in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from vicinal.wire.errors import Unavailable

__all__ = ["RETRY_AFTER", "connect", "reported", "script"]

RETRY_AFTER = 1.0
"""Seconds after which a store that was away is worth another try."""
_CONNECT_TIMEOUT = 1.0
_READ_BYTES = 1 << 18


def connect(url: str, timeout: float = 5.0) -> redis.Redis:
    """Return a client for `url` (redis://, rediss:// or unix://); it connects on first use.

    The client's own retries are off: they would repeat a write whose fate is unknown, and hide that it is.
    A connection which the server closed while it was idle is replaced.

    Args:
        url: where the server is.
        timeout: seconds that one send or receive may take; connecting may take 1 s.

    Raises:
        ValueError: `url` has another scheme.
    """
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_TIMEOUT,
        socket_timeout=timeout,
        socket_read_size=_READ_BYTES,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


@contextmanager
def reported() -> Iterator[None]:
    """Raise Unavailable (LOG_UNAVAILABLE) for whatever the client raises within."""
    try:
        yield
    except (redis.RedisError, OSError) as error:
        message = f"the log cannot be reached or cannot answer: {error}"
        raise Unavailable("LOG_UNAVAILABLE", message, retry_after=RETRY_AFTER) from error


def script(client: redis.Redis, name: str) -> Script:
    """Return the Lua script `name` of this package, to be run on `client`.

    It is sent by its digest, and sent whole when the server does not know it (it forgets on a restart).
    """
    return client.register_script(resources.files(__package__).joinpath("scripts", f"{name}.lua").read_text())
