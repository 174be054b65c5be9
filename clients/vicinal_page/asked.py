"""What a request asks for: fields of its query or of its JSON body, checked."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

__all__ = ["BadRequest", "body_of", "number", "text"]

_MOST_BYTES = 16 * 1024
_MOST_CHARACTERS = 512


class BadRequest(Exception):
    """A request that the page cannot read.

    Attributes:
        reason: for scripts.
        message: for people.
        field: what is wrong, if it is one field.
    """

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field


async def body_of(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body.

    Raises:
        BadRequest: BODY_TOO_LARGE, over 16 KiB; MALFORMED, no JSON object.
    """
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _MOST_BYTES:
            raise BadRequest("BODY_TOO_LARGE", f"the body has more than {_MOST_BYTES} bytes")
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadRequest("MALFORMED", "the body is no JSON") from error
    if not isinstance(body, dict):
        raise BadRequest("MALFORMED", "the body is no JSON object")
    return body


def text(fields: Any, name: str) -> str:
    """Return a text that must be given.

    Args:
        fields: a mapping: of the body, or of the query.
        name: of the field.

    Raises:
        BadRequest: FIELD_REQUIRED, it is missing or empty; MALFORMED, no text; OUT_OF_RANGE, over 512
            characters.
    """
    value = fields.get(name)
    if value is None or value == "":
        raise BadRequest("FIELD_REQUIRED", f"{name} is missing", name)
    if not isinstance(value, str) or "\0" in value:
        raise BadRequest("MALFORMED", f"{name} is no text", name)
    if len(value) > _MOST_CHARACTERS:
        raise BadRequest("OUT_OF_RANGE", f"{name} has more than {_MOST_CHARACTERS} characters", name)
    return value


def number(fields: Any, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query, or the default where it is not given.

    Raises:
        BadRequest: OUT_OF_RANGE, it is none or outside [low, high].
    """
    value = fields.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 10 and low <= int(value) <= high):
        raise BadRequest("OUT_OF_RANGE", f"{name} must be a whole number from {low} to {high}", name)
    return int(value)
