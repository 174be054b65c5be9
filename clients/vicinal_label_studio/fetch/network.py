"""The door through which every guarded connection goes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence

from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError

from vicinal_label_studio.fetch.addresses import objection

__all__ = ["Forbidden", "GuardedBackend", "Resolver", "resolve"]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port -> its IP addresses; raises OSError when there are none."""

_PATIENCE = 5.0
"""Seconds for a connection to one address, so that a dead one does not use up what the others need."""


class Forbidden(Exception):
    """A host that is not connected to; the text says why."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver, which also reads the older spellings of IPv4 (0x7f.1, 2130706433)."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedBackend(AsyncNetworkBackend):
    """Connects to public addresses only.

    A name is resolved here, once, and the connection goes to the very addresses that were checked: a name
    that points elsewhere a moment later (DNS rebinding) changes nothing. What is above still knows the
    name, so the Host header and the certificate's check are the name's.

    Args:
        resolver: how names become addresses.
        allow_private: see `addresses.objection`.
    """

    def __init__(self, resolver: Resolver, *, allow_private: bool) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._inner = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        """Resolve, check all, and connect to the first that answers.

        Raises:
            Forbidden: one of its addresses is refused. One suffices: a name for both a public and a
                private address was made to mislead.
            httpcore.ConnectError: no such name, or no address answers.
        """
        patience = _PATIENCE if timeout is None else min(timeout, _PATIENCE)
        failure: Exception | None = None
        for address in await self._checked(host, port):
            try:
                return await self._inner.connect_tcp(
                    address,
                    port,
                    timeout=patience,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except Exception as error:
                failure = error
        raise ConnectError(f"{host} does not answer") from failure

    async def _checked(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise ConnectError(f"{host} cannot be resolved") from error
        for address in addresses:
            if kind := objection(address, allow_private=self._allow_private):
                raise Forbidden(
                    f"{host} is {address}, which is {kind}" if host != address else f"it is {kind}"
                )
        return addresses
