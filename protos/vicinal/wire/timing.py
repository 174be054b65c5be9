"""How long a call took on the service's side, told in the trailing metadata of its answer.

Transport is the rest of what the caller waited: coding, the connection, and the queues before both ends.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["SERVER_TIME", "server_seconds"]

SERVER_TIME = "vicinal-server-us"
"""Key of the trailing metadata: whole microseconds, as decimal digits."""


def server_seconds(metadata: Iterable[tuple[str, str | bytes]] | None) -> float | None:
    """Return the seconds that `metadata` tells, or None when it tells nothing that can be read.

    Args:
        metadata: the trailing metadata of an answer.
    """
    for key, value in metadata or ():
        if key == SERVER_TIME and isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value) / 1e6
    return None
