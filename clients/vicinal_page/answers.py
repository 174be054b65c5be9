"""Refusals as the page's scripts read them: a status, and JSON with `reason`, `message` and maybe `field`."""

from __future__ import annotations

from starlette.responses import JSONResponse

from vicinal_client import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    ServiceError,
    TransportError,
    Unavailable,
    VicinalError,
)

__all__ = ["failure", "refusal"]

_STATUS: dict[type[VicinalError], int] = {
    InvalidArgument: 400,
    NotFound: 404,
    AlreadyExists: 409,
    FailedPrecondition: 409,
    Aborted: 409,
    ResourceExhausted: 429,
    Unavailable: 503,
}


def refusal(status: int, reason: str, message: str, field: str | None = None) -> JSONResponse:
    """Return a refusal.

    Args:
        status: of HTTP.
        reason: for scripts; one of the graph service's `ErrorReason`, or of the page's own.
        message: for people.
        field: what is wrong in the request, if it is one field.
    """
    body = {"reason": reason, "message": message}
    return JSONResponse(body | ({"field": field} if field else {}), status)


def failure(error: VicinalError) -> JSONResponse:
    """Return what a failed call of the graph service comes to."""
    if isinstance(error, ServiceError):
        return refusal(_STATUS.get(type(error), 500), error.reason, error.message, error.field)
    if isinstance(error, TransportError):
        return refusal(503, "NO_ANSWER", f"the graph service did not answer ({error.code})")
    return refusal(500, "FAILED", str(error))
