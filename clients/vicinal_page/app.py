"""The web application: routes, what refusals come to, and what is opened and closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vicinal.imaging.refusals import ImageRefused
from vicinal_client import AsyncGraphClient, VicinalError
from vicinal_page.answers import failure, refusal
from vicinal_page.api import Api
from vicinal_page.asked import BadRequest
from vicinal_page.events import Events
from vicinal_page.guard import Guard
from vicinal_page.house import House
from vicinal_page.images import Images, NoImage
from vicinal_page.settings import Settings

__all__ = ["application"]

_STATIC = Path(__file__).parent / "static"
_REVALIDATED = {"cache-control": "no-cache"}


def application(settings: Settings, client: AsyncGraphClient, stopping: asyncio.Event) -> Starlette:
    """Return the application; make it inside the event loop that runs it.

    Args:
        settings: how it is served.
        client: of the graph service; stays open.
        stopping: set when the server is to end.
    """
    house = House(client)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None, None]:
        yield
        await house.close()

    return Starlette(
        routes=[
            Route("/", _index),
            *Api(house, {name: Images(folder) for name, folder in settings.images.items()}).routes(),
            *Events(house, stopping).routes(),
            Mount("/static", _Static(directory=_STATIC)),
        ],
        middleware=[Middleware(Guard, token=settings.token)],
        exception_handlers={
            BadRequest: _bad_request,
            VicinalError: _failed,
            NoImage: _no_image,
            ImageRefused: _image_refused,
        },
        lifespan=lifespan,
    )


class _Static(StaticFiles):
    """Files that browsers ask about each time: a newer vicinal must not meet older scripts."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(_REVALIDATED)
        return response


async def _index(_request: Request) -> Response:
    return FileResponse(_STATIC / "index.html", headers=_REVALIDATED)


async def _bad_request(_request: Request, error: Exception) -> Response:
    bad = cast("BadRequest", error)
    return refusal(413 if bad.reason == "BODY_TOO_LARGE" else 400, bad.reason, bad.message, bad.field)


async def _failed(_request: Request, error: Exception) -> Response:
    return failure(cast("VicinalError", error))


async def _no_image(_request: Request, error: Exception) -> Response:
    return refusal(404, "UNKNOWN_IMAGE", f"there is no image {str(error)!r}", "id")


async def _image_refused(_request: Request, error: Exception) -> Response:
    refused = cast("ImageRefused", error)
    return refusal(415, refused.reason, refused.message, "id")
