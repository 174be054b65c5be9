"""Who is let in: the page's own scripts, and nobody whom another site sent.

Another site that a browser has open could send requests here in its name (CSRF), or call itself by a name
that leads here (DNS rebinding). So a write must be JSON, which no form sends; an Origin must be this page's;
and without a token only the names of this machine are answered.
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vicinal.hosts import is_loopback
from vicinal_page.answers import refusal

__all__ = ["COOKIE", "Guard"]

COOKIE = "vicinal_page"
_CONTENT_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "content-security-policy": _CONTENT_POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_READS = ("GET", "HEAD")


class Guard:
    """Refuses requests of strangers, and marks every answer so that browsers keep them out as well.

    Args:
        app: what it guards.
        token: what callers must know; empty lets in who addresses this machine by a name of its own.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._refusal(scope) or self._greeting(scope)
        await (answer or self._app)(scope, receive, marked)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._token and not is_loopback(_name(host)):
            return refusal(421, "FOREIGN_HOST", f"{host!r} is not a name of this page: use 127.0.0.1")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return refusal(403, "FOREIGN_ORIGIN", "another site sent this request")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and scope["path"] != "/":
            return refusal(403, "FOREIGN_ORIGIN", "another site sent this request")
        if scope["method"] not in _READS and not _is_json(headers):
            return refusal(415, "NOT_JSON", "a write must be application/json")
        if self._token and not self._knows(scope, headers):
            return refusal(
                401, "TOKEN_REQUIRED", "open the address with ?token=… that was printed at the start"
            )
        return None

    def _knows(self, scope: Scope, headers: Headers) -> bool:
        bearer = headers.get("authorization", "")
        given = [bearer.removeprefix("Bearer "), _cookie(headers), _query_token(scope)]
        return any(hmac.compare_digest(one.encode(), self._token.encode()) for one in given)

    def _greeting(self, scope: Scope) -> Response | None:
        """Turn the token in the address into a cookie, so that it stays in no history and no link."""
        if not self._token or scope["path"] != "/" or not _query_token(scope):
            return None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
        return answer


def _name(host: str) -> str:
    """Return a Host header without its port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return str(found.value) if found else ""


def _query_token(scope: Scope) -> str:
    query: bytes = scope["query_string"]
    return dict(parse_qsl(query.decode("latin-1"))).get("token", "")
