"""The HTTP contract of a Label Studio ML back end, as routes. They answer from memory and never wait.

::

    GET  /health    is it up                       (the only route that asks for no password)
    POST /setup     can it answer this project     400 where it cannot, with why
    POST /predict   predictions of tasks           one for each, in their order
    GET  /versions  which model versions it has
    POST /webhook   something changed              answered at once; the worker looks at it
    GET  /metrics   for Prometheus
    GET  /status    JSON; a page for people where a browser asks
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vicinal_label_studio import contract
from vicinal_label_studio.bridge import Bridge
from vicinal_label_studio.errors import ConfigRefused, RequestRefused
from vicinal_label_studio.guard import Guard
from vicinal_label_studio.labelconfig import question_of
from vicinal_label_studio.page import page_of
from vicinal_label_studio.status import metrics_text

__all__ = ["MAX_BODY", "make_app"]

_log = logging.getLogger(__name__)
MAX_BODY = 32 << 20
"""Most bytes of a request's body."""

Handler = Callable[[Request], Awaitable[Response]]
Lifespan = Callable[[], AbstractAsyncContextManager[None]]


def make_app(
    bridge: Bridge,
    guard: Guard,
    *,
    lifespan: Lifespan,
    max_body: int = MAX_BODY,
) -> Starlette:
    """Return the back end as an ASGI application.

    Args:
        bridge: of the project it serves.
        guard: who may ask.
        lifespan: entered while it serves: what works behind it.
        max_body: most bytes of a request's body.
    """
    routes = _Routes(bridge, max_body)
    guarded = {
        "/setup": ("POST", routes.setup),
        "/predict": ("POST", routes.predict),
        "/versions": ("GET", routes.versions),
        "/webhook": ("POST", routes.webhook),
        "/metrics": ("GET", routes.metrics),
        "/status": ("GET", routes.status),
        "/": ("GET", routes.status),
    }
    return Starlette(
        routes=[
            Route("/health", _answering(routes.health, None), methods=["GET"]),
            *(
                Route(path, _answering(handler, guard), methods=[method])
                for path, (method, handler) in guarded.items()
            ),
        ],
        lifespan=lambda _: lifespan(),
    )


def _answering(handler: Handler, guard: Guard | None) -> Handler:
    """Return `handler` behind the guard, with what it raises as JSON."""

    async def answer(request: Request) -> Response:
        is_webhook = request.url.path == "/webhook"
        if guard is not None and not guard.lets_in(request.headers, is_webhook=is_webhook):
            refusal = _refusal(401, "UNAUTHENTICATED", "a user name and password are needed")
            refusal.headers["WWW-Authenticate"] = 'Basic realm="vicinal"'
            return refusal
        try:
            return await handler(request)
        except RequestRefused as error:
            return _refusal(error.status, error.reason, error.message)
        except ConfigRefused as error:
            _log.warning("a project is refused: %s", error)
            return _refusal(400, "UNSUITABLE_PROJECT", str(error))

    return answer


def _refusal(status: int, reason: str, message: str) -> JSONResponse:
    return JSONResponse({"error": message, "reason": reason}, status)


class _Routes:
    """One method a route."""

    def __init__(self, bridge: Bridge, max_body: int) -> None:
        self._bridge = bridge
        self._max_body = max_body

    async def health(self, _: Request) -> Response:
        """Say that it is up."""
        return JSONResponse({"status": "UP", "model_class": "vicinal"})

    async def setup(self, request: Request) -> Response:
        """Say whether it can answer the project."""
        project, schema = contract.read_setup(contract.read_object(await self._body(request)))
        self._check(project)
        question_of(schema)
        if self._bridge.status.connected_at is None:
            self._bridge.agenda.look_at_all()
        return JSONResponse({"model_version": self._bridge.wishes.model_version})

    async def predict(self, request: Request) -> Response:
        """Predict the class of tasks."""
        project, tasks = contract.read_predict(contract.read_object(await self._body(request)))
        self._check(project)
        return JSONResponse({"results": self._bridge.predictions(tasks)})

    async def versions(self, _: Request) -> Response:
        """List the one version there is."""
        return JSONResponse({"versions": [self._bridge.wishes.model_version]})

    async def webhook(self, request: Request) -> Response:
        """Mark what an event concerns."""
        try:
            event = contract.read_event(contract.read_object(await self._body(request)))
        except RequestRefused:
            self._bridge.agenda.look_at_all()  # it told of something
            raise
        if event.project not in (None, self._bridge.wishes.project):
            return JSONResponse({"status": "another project's"}, 202)
        self._bridge.hear(event)
        return JSONResponse({"status": "marked"}, 202)

    async def metrics(self, _: Request) -> Response:
        """Tell Prometheus."""
        return PlainTextResponse(metrics_text(self._bridge.status), media_type="text/plain; version=0.0.4")

    async def status(self, request: Request) -> Response:
        """Tell people, or programs."""
        body = self._bridge.status.as_json()
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(page_of(body))
        return JSONResponse(body)

    def _check(self, project: int | None) -> None:
        ours = self._bridge.wishes.project
        if project is not None and project != ours:
            message = f"this back end serves project {ours}, not {project}: start another for that"
            raise RequestRefused(400, "ANOTHER_PROJECT", message)

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        async for chunk in _chunks(request):
            body += chunk
            if len(body) > self._max_body:
                raise RequestRefused(413, "BODY_TOO_LARGE", f"a body of more than {self._max_body:,} bytes")
        return bytes(body)


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise RequestRefused(400, "BODY_CUT_OFF", "the body ended too early") from error
