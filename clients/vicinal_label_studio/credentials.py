"""What lets a request into Label Studio: a legacy token, or short-lived ones for a personal access token."""

from __future__ import annotations

import asyncio

import httpx

from vicinal_label_studio.errors import PlatformAway, PlatformRefused

__all__ = ["Credentials"]


class Credentials:
    """Makes the header of requests.

    Personal access tokens are JSON web tokens: three parts with dots between them. Label Studio gives an
    access token for one, which holds for minutes.

    Args:
        token: either kind.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._is_refresh = token.count(".") == 2
        self._access: str | None = None
        self._lock = asyncio.Lock()

    async def headers(self, client: httpx.AsyncClient) -> dict[str, str]:
        """Return the headers of a request to the server of `client`.

        Raises:
            PlatformRefused: the token is not good (any more).
            PlatformAway: the server fails inside.
            httpx.TransportError: it cannot be reached.
        """
        if not self._is_refresh:
            return {"Authorization": f"Token {self._token}"}
        async with self._lock:
            if self._access is None:
                self._access = await self._refreshed(client)
            return {"Authorization": f"Bearer {self._access}"}

    def expire(self) -> bool:
        """Forget the short-lived token, and return whether asking for another may help."""
        self._access = None
        return self._is_refresh

    async def _refreshed(self, client: httpx.AsyncClient) -> str:
        response = await client.post("/api/token/refresh/", json={"refresh": self._token})
        if response.status_code >= 500:
            raise PlatformAway(f"Label Studio answers a refresh of the token with {response.status_code}")
        if not response.is_success:
            raise PlatformRefused(
                response.status_code, "Label Studio does not accept the personal access token"
            )
        return str(response.json()["access"])
