"""Refusals on the wire: `vicinal.wire.errors` <-> google.rpc.Status with ErrorInfo, BadRequest, RetryInfo."""

from __future__ import annotations

from typing import cast

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from vicinal.wire import errors

__all__ = ["CODES", "from_rpc_error", "to_status"]

CODES: dict[type[errors.ServiceError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DataLoss: grpc.StatusCode.DATA_LOSS,
}
# A peer refuses trailers of more than 8 kB, and with them the reason. The message travels three times,
# once percent-encoded, so these bounds stay below 5 kB whatever a caller sent.
_VALUE_BYTES = 256
_MESSAGE_BYTES = 600
_CLASSES = {code: kind for kind, code in CODES.items()}


def to_status(error: errors.ServiceError, domain: str) -> grpc.Status:
    """Return the status that tells a caller of `error`.

    A metadata value over 256 bytes of UTF-8 and a message over 600 are cut, and end in "…".

    Args:
        error: the refusal; its class gives the code.
        domain: names the service, e.g. "graph.vicinal".
    """
    metadata = {key: _cut(value, _VALUE_BYTES) for key, value in error.metadata.items()}
    message = _cut(error.message, _MESSAGE_BYTES)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=domain, metadata=metadata)
    details: list[Message] = [info]
    if isinstance(error, errors.InvalidArgument) and error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=metadata["field"], description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(error.retry_after * 1000))
        details.append(retry)
    status = status_pb2.Status(code=CODES[type(error)].value[0], message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return rpc_status.to_status(status)


def from_rpc_error(error: grpc.RpcError) -> errors.ServiceError | None:
    """Return the refusal that a failed call carries, or None when the transport itself failed.

    `error` must also be a `grpc.Call`, as those raised by stubs are.
    """
    status = rpc_status.from_call(cast("grpc.Call", error))
    kind = _CLASSES.get(error.code())
    if status is None or kind is None:
        return None
    info = error_details_pb2.ErrorInfo()
    if not any(_unpack(detail, info) for detail in status.details):
        return None
    retry = error_details_pb2.RetryInfo()
    waits = any(_unpack(detail, retry) for detail in status.details)
    retry_after = retry.retry_delay.ToMilliseconds() / 1000 if waits else None
    refusal = kind(info.reason, status.message, retry_after=retry_after)
    refusal.metadata = dict(info.metadata)
    return refusal


def _unpack(detail: any_pb2.Any, into: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> bool:
    return bool(detail.Is(into.DESCRIPTOR) and detail.Unpack(into))


def _cut(text: str, limit: int) -> str:
    data = text.encode(errors="replace")
    return text if len(data) <= limit else data[: limit - len("…".encode())].decode(errors="ignore") + "…"
