"""One image by its URL, or a typed refusal."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping
from types import MappingProxyType, TracebackType
from typing import Final, Self

import httpcore
import httpx

from vicinal_label_studio.fetch import inline
from vicinal_label_studio.fetch.errors import AddressRefused, FetchFailed, TooLarge
from vicinal_label_studio.fetch.network import Forbidden, GuardedBackend, Resolver, resolve
from vicinal_label_studio.fetch.targets import HostList, Origin, origin_of, read_url, shown

__all__ = ["ImageFetcher"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP = 15.0
"""Seconds that an idle connection is kept for the next image of the same server."""
_NOBODY: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({})


class ImageFetcher:
    """Fetches images over HTTP from public addresses.

    It speaks to httpcore without a client in between, for what a client does by itself (proxies and
    passwords from the environment, cookies, decompression, redirects) is what must not happen here.
    An asynchronous context manager; one serves all of a process's fetches.

    Args:
        trusted_origins: origin ("https://labels.example.org", scheme, host and port exactly) -> headers.
            Servers that the operator named: their addresses are not checked, the list of hosts does not
            concern them, and they alone get the headers. A redirect from anywhere else does not borrow
            the trust: it is checked like any other and gets no headers.
        allowed_hosts: see `HostList`; None: any host whose addresses are in order.
        allow_private: loopback and private addresses too, but never link-local ones.
        max_bytes: cap on an image. Memory is at most about twice this for each of `concurrency`.
        timeout: seconds for one image from its first connection to its last byte, redirects included.
        max_redirects: how many are followed.
        concurrency: images under way at a time; further calls wait their turn.
        resolver: how names become addresses.
        ssl_context: whose certificates are believed; None: those that certifi lists.

    Raises:
        ValueError: a trusted origin that is no origin, or a limit that is not positive.
    """

    def __init__(
        self,
        *,
        trusted_origins: Mapping[str, Mapping[str, str]] = _NOBODY,
        allowed_hosts: Collection[str] | None = None,
        allow_private: bool = False,
        max_bytes: int = 16 << 20,
        timeout: float = 30.0,
        max_redirects: int = 3,
        concurrency: int = 8,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if min(max_bytes, timeout, concurrency) <= 0 or max_redirects < 0:
            raise ValueError(
                "max_bytes, timeout and concurrency must be positive, max_redirects not negative"
            )
        self._headers = {_origin(text): list(given.items()) for text, given in trusted_origins.items()}
        self._hosts = HostList(allowed_hosts)
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._max_redirects = max_redirects
        self._slots = asyncio.Semaphore(concurrency)
        self._guarded = httpcore.AsyncConnectionPool(
            ssl_context,
            max_connections=concurrency,
            keepalive_expiry=_KEEP,
            network_backend=GuardedBackend(resolver, allow_private=allow_private),
        )
        self._open = httpcore.AsyncConnectionPool(
            ssl_context, max_connections=concurrency, keepalive_expiry=_KEEP
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._guarded.aclose()
        await self._open.aclose()

    async def fetch(self, url: str) -> bytes:
        """Return what is at `url`, an http, https or data URL: the bytes as they came, not looked at.

        Raises:
            AddressRefused: it, or what it redirects to, is not connected to.
            TooLarge: there is more than `max_bytes`.
            FetchFailed: it does not answer 200 with a plain body, or not in time.
        """
        if inline.is_inline(url):
            return inline.decode(url, self._max_bytes)
        target = read_url(url)
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._follow(target)
            except TimeoutError:
                raise FetchFailed(shown(target), f"not complete after {self._timeout:g} s") from None

    async def _follow(self, target: httpx.URL) -> bytes:
        trusted = True
        for _ in range(self._max_redirects + 1):
            trusted = trusted and origin_of(target) in self._headers
            answer = await self._ask(target, trusted)
            if isinstance(answer, bytes):
                return answer
            target = answer
        raise FetchFailed(shown(target), f"more than {self._max_redirects} redirects")

    async def _ask(self, url: httpx.URL, trusted: bool) -> bytes | httpx.URL:
        """Return the body, or where it is said to be."""
        origin = origin_of(url)
        if not trusted and origin.host not in self._hosts:
            raise AddressRefused(shown(url), f"{origin.host} is not among the allowed hosts")
        headers = [("Host", url.netloc.decode("ascii")), ("Accept", "image/*,*/*;q=0.5")]
        # Decompression has no place here: images are compressed, and a bomb is small until it is opened.
        headers += [("Accept-Encoding", "identity"), *(self._headers[origin] if trusted else [])]
        pool = self._open if trusted else self._guarded
        address = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=url.raw_path)
        try:
            async with pool.stream("GET", address, headers=headers) as response:
                if response.status in _REDIRECTS:
                    return read_url(_header(response, b"location") or "", base=url)
                return await self._body(url, response)
        except Forbidden as error:
            raise AddressRefused(shown(url), str(error)) from None
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise FetchFailed(shown(url), str(error) or type(error).__name__) from error

    async def _body(self, url: httpx.URL, response: httpcore.Response) -> bytes:
        if response.status != 200:
            raise FetchFailed(shown(url), f"answered {response.status}", status=response.status)
        encoding = (_header(response, b"content-encoding") or "identity").strip().lower()
        if encoding != "identity":
            raise FetchFailed(shown(url), f"compressed with {encoding} although we asked for none")
        length = _header(response, b"content-length") or "0"
        body = bytearray()
        if int(length) <= self._max_bytes:
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > self._max_bytes:
                    break
            else:
                return bytes(body)
        raise TooLarge(shown(url), f"more than {self._max_bytes:,} bytes")


def _origin(text: str) -> Origin:
    try:
        url = read_url(text)
    except AddressRefused as error:
        raise ValueError(f"{text!r} is not an origin: {error.reason}") from None
    if url.raw_path != b"/":
        raise ValueError(f"{text!r} is not an origin: it has a path")
    return origin_of(url)


def _header(response: httpcore.Response, name: bytes) -> str | None:
    found = (value for key, value in response.headers if key.lower() == name)
    value = next(found, None)
    return None if value is None else value.decode("latin-1")
