"""What a client's methods raise.

    VicinalError
    ├── ServiceError             the service refused: `reason`, `message`, `metadata`, `field`, `retry_after`
    │   ├── InvalidArgument      the request is wrong and will always be
    │   ├── NotFound             it names something that is not there
    │   ├── AlreadyExists        it would make something that is there
    │   ├── FailedPrecondition   it is right, but not in the present state
    │   ├── Aborted              the state moved on; start the sequence again
    │   ├── ResourceExhausted    too much at once; come back later
    │   ├── Unavailable          the service cannot answer now
    │   └── DataLoss             the truth is damaged; a person must look
    └── TransportError           the call got no answer from the service: `code`, `message`
        ├── ConnectionFailed     it cannot be reached, or the connection broke
        ├── DeadlineExceeded     no answer in time
        └── Cancelled            the call was cancelled before it was answered

The upper half is `vicinal.wire.errors`, the very classes that the services raise; a refusal that the
client can see without asking (arrays that do not fit together) is raised as the same class. After a
TransportError the fate of a write is unknown: repeat it with the same `request_id`.
"""

from __future__ import annotations

import grpc

from vicinal.wire.errors import (
    Aborted,
    AlreadyExists,
    DataLoss,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    ServiceError,
    Unavailable,
    VicinalError,
)
from vicinal.wire.status import from_rpc_error

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Cancelled",
    "ConnectionFailed",
    "DataLoss",
    "DeadlineExceeded",
    "FailedPrecondition",
    "InvalidArgument",
    "NotFound",
    "ResourceExhausted",
    "ServiceError",
    "TransportError",
    "Unavailable",
    "VicinalError",
    "failure_of",
]


class TransportError(VicinalError):
    """The call got no answer from the service, so a write's fate is unknown.

    The class itself stands for codes that have no class of their own, e.g. RESOURCE_EXHAUSTED for a
    message over the size limit, UNIMPLEMENTED for a service that is older than the client.

    Attributes:
        code: name of the gRPC status code, e.g. "UNAVAILABLE".
        message: what gRPC says about it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ConnectionFailed(TransportError):
    """The service cannot be reached, or the connection broke before it answered."""


class DeadlineExceeded(TransportError):
    """The service did not answer within the timeout."""


class Cancelled(TransportError):
    """The call was cancelled before it was answered, e.g. because the client was closed meanwhile."""


_TRANSPORT = {
    grpc.StatusCode.UNAVAILABLE: ConnectionFailed,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
}


def failure_of(error: grpc.RpcError) -> VicinalError:
    """Return the exception that tells a caller of `error`, which a stub raised."""
    refusal = from_rpc_error(error)
    if refusal is not None:
        return refusal
    code: grpc.StatusCode = error.code()
    return _TRANSPORT.get(code, TransportError)(code.name, error.details() or "no details")
