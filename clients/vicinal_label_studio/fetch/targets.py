"""URLs as they are fetched: read once, by one parser, so that what is checked is what is asked for."""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

import httpx

from vicinal_label_studio.fetch.errors import AddressRefused

__all__ = ["HostList", "Origin", "origin_of", "read_url", "shown"]

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")


class Origin(NamedTuple):
    """Whom a URL asks: two URLs of one origin reach the same server."""

    scheme: str
    host: str
    port: int


class HostList:
    """The hosts that may be asked.

    Args:
        patterns: names, exact ("images.example.org") or all below one ("*.example.org", which does not
            take in example.org itself), in either case; None: any host.
    """

    def __init__(self, patterns: Collection[str] | None) -> None:
        cleaned = None if patterns is None else {_plain(pattern) for pattern in patterns}
        self._names = cleaned
        self._suffixes = tuple(name[1:] for name in cleaned or () if name.startswith("*."))

    def __contains__(self, host: str) -> bool:
        plain = _plain(host)
        return self._names is None or plain in self._names or plain.endswith(self._suffixes)


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")


def read_url(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """Read a URL that may be fetched.

    Args:
        text: an http or https URL; relative only with `base`.
        base: what a relative URL is relative to.

    Raises:
        AddressRefused: it is no such URL, names a user, or its host is neither a name nor an address.
    """
    try:
        url = httpx.URL(text) if base is None else base.join(text)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise AddressRefused("(unreadable)" if base is None else shown(base), "not a URL") from None
    if problem := _problem(url):
        raise AddressRefused(shown(url), problem)
    return url


def _problem(url: httpx.URL) -> str | None:
    if url.scheme not in _PORTS:
        return f"only http and https are fetched, not {url.scheme or 'paths'}"
    if url.userinfo:
        return "a URL with a user name or password is not fetched"
    if not _is_host(url.raw_host.decode("ascii")):
        return "its host is neither a name nor an address"
    if url.port is not None and not 0 < url.port < 65536:
        return "its port is not between 1 and 65535"
    return None


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _NAME.fullmatch(host) is not None
    try:
        return IPv6Address(host).scope_id is None
    except AddressValueError:
        return False


def origin_of(url: httpx.URL) -> Origin:
    """Return the origin of a URL that `read_url` made."""
    return Origin(url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme])


def shown(url: httpx.URL) -> str:
    """Return `url` as it may be logged: without user, password, query (only that there is one), fragment."""
    plain = url.copy_with(username=None, password=None, query=None, fragment=None)
    return f"{plain}?…" if url.query else str(plain)
