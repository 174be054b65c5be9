"""What the page's scripts ask for, each a thin layer over the graph service. Refusals: see `answers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from vicinal_page.answers import refusal
from vicinal_page.asked import BadRequest, body_of, number, text
from vicinal_page.desk import Desk
from vicinal_page.house import House, Room
from vicinal_page.images import SIZES, Images
from vicinal_page.told import desk_of, flag_of, state_of

__all__ = ["Api"]

_SHOWN = 100
"""Most flags on the page at one time."""
_FLAGS = (2 * _SHOWN, 20 * _SHOWN, None)
"""How many are read; more, where too many of them have been looked at."""
_EVIDENCE = 8


class Api:
    """The answers.

    Args:
        house: what is held in memory.
        images: where each dataset's images are; those of the empty name are all others'.
    """

    def __init__(self, house: House, images: Mapping[str, Images]) -> None:
        self._house = house
        self._images = images

    def routes(self) -> list[BaseRoute]:
        """Return where each is found."""
        return [
            Route("/api/datasets", self.datasets),
            Route("/api/state", self.state),
            Route("/api/flags", self.flags),
            Route("/api/image", self.image),
            Route("/api/queue", self.queue, methods=["POST"]),
            Route("/api/label", self.label, methods=["POST"]),
            Route("/api/undo", self.undo, methods=["POST"]),
            Route("/api/skip", self.skip, methods=["POST"]),
        ]

    async def datasets(self, _request: Request) -> Response:
        """Every dataset, by name, and whether it has images to show."""
        found = [
            {
                "name": one.name,
                "samples": one.sample_count,
                "verified": one.verified_label_count,
                "given": one.given_label_count,
                "images": self._images_of(one.name) is not None,
            }
            for one in await self._house.client.list_datasets()
        ]
        return _json({"datasets": found})

    async def state(self, request: Request) -> Response:
        """One dataset as it stands; at least as new as the revision asked for, if that comes soon."""
        room = await self._house.room(text(request.query_params, "dataset"))
        revision = number(request.query_params, "revision", 0, 0, 999_999_999)
        return _json(state_of(await room.board.picture(revision)))

    async def flags(self, request: Request) -> Response:
        """The most suspicious labels that nobody has looked at since."""
        room = await self._house.room(text(request.query_params, "dataset"))
        client, name = self._house.client, room.board.name
        await room.statements.agree(await client.get_dataset(name))
        for limit in _FLAGS:
            found = await client.flag_errors(
                name, limit=limit, evidence=_EVIDENCE, min_revision=room.statements.revision
            )
            waiting = [flag for flag in found if room.statements.is_open(flag)]
            if len(waiting) >= _SHOWN or len(found) == found.total_count:
                break
        return _json(
            {
                "revision": found.revision,
                "total": found.total_count,
                "looked": len(found) - len(waiting),
                "flags": [flag_of(room, flag) for flag in waiting[:_SHOWN]],
            }
        )

    async def image(self, request: Request) -> Response:
        """A small copy of a sample's image."""
        sample = text(request.query_params, "id")
        size = number(request.query_params, "size", SIZES[0], 1, SIZES[-1])
        images = self._images_of(text(request.query_params, "dataset"))
        if images is None:
            return refusal(404, "NO_IMAGES", "the page was started without --images for this dataset")
        if size not in SIZES:
            raise BadRequest("OUT_OF_RANGE", f"size must be one of {SIZES}", "size")
        headers = {"cache-control": "private, max-age=60"}
        _, etag = images.find(sample, size)
        headers["etag"] = etag
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        made = await images.thumbnail(sample, size)
        return Response(made.data, media_type=made.media_type, headers=headers)

    async def queue(self, request: Request) -> Response:
        """What lies ready for an annotator."""
        room, desk = await self._at_desk(await body_of(request))
        return await self._ready(room, desk)

    async def label(self, request: Request) -> Response:
        """State a verified label; answer with its revision and what lies ready now."""
        body = await body_of(request)
        room, desk = await self._at_desk(body)
        settles = body.get("settles", False)
        if not isinstance(settles, bool):
            raise BadRequest("MALFORMED", "settles is neither true nor false", "settles")
        revision = await desk.label(text(body, "sample"), text(body, "class"), settles=settles)
        return await self._ready(room, desk, revision=revision)

    async def undo(self, request: Request) -> Response:
        """Take back the annotator's last label that was stated on the page."""
        room, desk = await self._at_desk(await body_of(request))
        undone = await desk.undo()
        told = {"sample": undone.label.sample_id, "class": undone.label.class_name} if undone else None
        return await self._ready(room, desk, undone=told)

    async def skip(self, request: Request) -> Response:
        """Lay a sample aside."""
        body = await body_of(request)
        room, desk = await self._at_desk(body)
        await desk.skip(text(body, "sample"))
        return await self._ready(room, desk)

    def _images_of(self, dataset: str) -> Images | None:
        return self._images.get(dataset) or self._images.get("")

    async def _at_desk(self, body: dict[str, Any]) -> tuple[Room, Desk]:
        annotator = text(body, "annotator")
        room = await self._house.room(text(body, "dataset"))
        return room, room.desk(annotator)

    async def _ready(self, room: Room, desk: Desk, **more: Any) -> Response:
        await desk.look()
        room.follow()
        return _json(desk_of(room, desk) | more)


def _json(content: Any) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})
