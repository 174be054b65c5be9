"""Names of machines, as servers are bound to them and as browsers find them."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import quote

__all__ = ["is_loopback", "url_of"]

_ANY = ("0.0.0.0", "::")  # noqa: S104


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is bound to `host`, a name or an address without brackets."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(host: str, port: int, token: str = "") -> str:
    """Return what to open in a browser, by this machine's name where others may.

    Args:
        host: where a page listens; `0.0.0.0` and `::` are everywhere.
        port: its port.
        token: what it asks for, if it does.
    """
    name = socket.gethostname() if host in _ANY else host
    place = f"[{name}]" if ":" in name else name
    return f"http://{place}:{port}/" + (f"?token={quote(token, safe='')}" if token else "")
