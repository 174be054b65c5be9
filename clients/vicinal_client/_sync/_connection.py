"""A connection to one service: every call has a deadline, and is repeated when that is safe."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Self, TypeVar

import grpc

from vicinal.wire.timing import server_seconds
from vicinal_client._bulk import MESSAGE_BYTES
from vicinal_client._exceptions import Cancelled, ConnectionFailed, DeadlineExceeded, VicinalError, failure_of
from vicinal_client._finished_call import FinishedCall
from vicinal_client._retry import Deadline, RetryPolicy
from vicinal_client._sync._backend import UnaryCall, answer, answer_and_metadata, open_channel, sleep

__all__ = ["Connection"]

Request = TypeVar("Request")
Response = TypeVar("Response")

_OPTIONS = (
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    # A vanished peer is found within 40 s; servers refuse clients that ping much more often.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A service that was restarted is found again soon.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)

# grpc.health.v1.HealthCheckRequest {service: 1} and HealthCheckResponse {status: 1} are small enough to
# speak without their stubs, which would be one more dependency of every caller.
_HEALTH = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
_POLL_SECONDS = 0.1


class Connection:
    """One channel to one service. Subclasses add the service's calls."""

    _service: ClassVar[str]

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 30.0,
        credentials: grpc.ChannelCredentials | None = None,
        retry: RetryPolicy | None = None,
        on_call: Callable[[FinishedCall], None] | None = None,
    ) -> None:
        self.target = target
        self._timeout = timeout
        self._retry = retry or RetryPolicy()
        self._on_call = on_call
        self._channel = open_channel(target, credentials, _OPTIONS)
        self._closed = False

    def close(self) -> None:
        """Close the connection; calls under way and later ones raise `Cancelled`."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def wait_until_ready(self, timeout: float = 30.0) -> None:
        """Wait until the service says SERVING, through the standard gRPC health service.

        Args:
            timeout: most seconds to wait.

        Raises:
            ConnectionFailed: it could not be reached in that time.
            DeadlineExceeded: it was reached, but was not SERVING in that time.
            TransportError: it has no health service.
        """
        deadline = Deadline(timeout)
        while True:
            self._check_open()
            failure: VicinalError = DeadlineExceeded("DEADLINE_EXCEEDED", f"{self.target} is not SERVING")
            try:
                if self._is_serving(deadline.remaining()):
                    return
            except grpc.RpcError as error:
                failure = failure_of(error)
                if not isinstance(failure, ConnectionFailed | DeadlineExceeded):
                    raise failure from error
            if deadline.remaining() <= _POLL_SECONDS:
                raise failure
            sleep(_POLL_SECONDS)

    def _is_serving(self, timeout: float) -> bool:
        check: UnaryCall[bytes, bytes] = self._channel.unary_unary(_HEALTH)
        name = self._service.encode()
        request = b"\x0a" + bytes([len(name)]) + name
        return answer(check(request, timeout=timeout)) == _SERVING

    def _call(
        self, method: UnaryCall[Request, Response], request: Request, timeout: float | None
    ) -> Response:
        """Call `method`, repeating the same request while the retry policy says so.

        Args:
            method: of a stub.
            request: its message; a write's holds its request id.
            timeout: seconds for all tries together; None takes the client's.

        Raises:
            VicinalError: what the last try failed with.
        """
        seconds = self._timeout if timeout is None else timeout
        if seconds <= 0:
            raise DeadlineExceeded("DEADLINE_EXCEEDED", f"a timeout of {seconds:g} s leaves no time to call")
        deadline = Deadline(seconds)
        repeats = 0
        while True:
            self._check_open()
            try:
                return self._try(method, request, deadline.remaining())
            except grpc.RpcError as error:
                failure = failure_of(error)
                delay = self._retry.delay(repeats, failure)
                if delay is None or delay >= deadline.remaining():
                    raise failure from error
            repeats += 1
            sleep(delay)

    def _try(self, method: UnaryCall[Request, Response], request: Request, timeout: float) -> Response:
        """Call `method` once, and tell of it if that was asked for.

        Raises:
            grpc.RpcError: it failed.
        """
        if self._on_call is None:
            return answer(method(request, timeout=timeout))
        name = type(request).__name__.removesuffix("Request")
        begun = time.perf_counter()
        try:
            response, metadata = answer_and_metadata(method, request, timeout)
        except grpc.RpcError as error:
            self._on_call(FinishedCall(name, time.perf_counter() - begun, None, failure_of(error)))
            raise
        self._on_call(FinishedCall(name, time.perf_counter() - begun, server_seconds(metadata), None))
        return response

    def _check_open(self) -> None:
        if self._closed:
            raise Cancelled("CANCELLED", "the client is closed")
