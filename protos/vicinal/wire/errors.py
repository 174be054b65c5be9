"""The refusals a service can give.

One class for each gRPC status code in use; the `reason` names the exact cause and is a value of the
service's `ErrorReason` enum without its prefix. This module knows nothing of gRPC, so that engines can
raise what they mean and leave the wire to `vicinal.wire.status`.

    VicinalError
    └── ServiceError
        ├── InvalidArgument      the request is wrong and will always be
        ├── NotFound             it names something that is not there
        ├── AlreadyExists        it would make something that is there
        ├── FailedPrecondition   it is right, but not in the present state
        ├── Aborted              the state moved on; start the sequence again
        ├── ResourceExhausted    too much at once; come back later
        ├── Unavailable          the service cannot answer now; repeat
        └── DataLoss             the truth is damaged; a person must look

Callers see the same classes: `vicinal_client` exports them, and adds those for calls that got no answer.
"""

from __future__ import annotations

__all__ = [
    "Aborted",
    "AlreadyExists",
    "DataLoss",
    "FailedPrecondition",
    "InvalidArgument",
    "NotFound",
    "ResourceExhausted",
    "ServiceError",
    "Unavailable",
    "VicinalError",
]


class VicinalError(Exception):
    """Anything that goes wrong between a caller and the services."""


class ServiceError(VicinalError):
    """A refusal with a documented reason.

    Attributes:
        reason: name in the service's `ErrorReason` enum, without the prefix `ERROR_REASON_`.
        message: a sentence for people: what is wrong, and what to do.
        metadata: the keys which that reason documents, as strings.
        retry_after: seconds after which a repeat may succeed, or None.
    """

    def __init__(
        self, reason: str, message: str, *, retry_after: float | None = None, **metadata: object
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.metadata = {key: str(value) for key, value in metadata.items()}

    @property
    def field(self) -> str | None:
        """Path of the offending field, e.g. `labels[3].class_name`, if there is one."""
        return self.metadata.get("field")


class InvalidArgument(ServiceError):
    """The request is wrong and will always be. Its metadata holds `field`."""


class NotFound(ServiceError):
    """The request names something that is not there."""


class AlreadyExists(ServiceError):
    """The request would make something that is there."""


class FailedPrecondition(ServiceError):
    """The request is right, but not in the present state."""


class Aborted(ServiceError):
    """The state moved on while the caller worked; start the sequence again."""


class ResourceExhausted(ServiceError):
    """Too much at once; come back after `retry_after` seconds."""


class Unavailable(ServiceError):
    """The service cannot answer now; repeat the call, a write with the same request id."""


class DataLoss(ServiceError):
    """The stored truth is damaged; a person must look."""
