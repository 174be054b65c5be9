"""What happens to every call of a server, whatever it is about: its refusals, and the time it took."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from vicinal.wire.errors import ServiceError
from vicinal.wire.status import to_status
from vicinal.wire.timing import SERVER_TIME

__all__ = ["Refusals", "ServerTime"]

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Response = TypeVar("Response")
Context = grpc.aio.ServicerContext[Any, Any]
Unary = Callable[[Any, Context], Awaitable[Any]]
Stream = Callable[[Any, Context], AsyncIterator[Any]]


@dataclass(frozen=True)
class _Call:
    """A call that has just come.

    Attributes:
        method: its path, e.g. "/vicinal.graph.v1.GraphService/AddLabels".
        came: when, in nanoseconds of `time.perf_counter_ns`.
    """

    method: str
    came: int


class _Wrapping(grpc.aio.ServerInterceptor):
    """Wraps the handlers of the given services' methods, and leaves all others alone."""

    def __init__(self, services: Sequence[str]) -> None:
        self._prefixes = tuple(f"/{name}/" for name in services)

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Request, Response] | None]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        """Return the handler of the call, wrapped when it is one of ours."""
        call = _Call(handler_call_details.method, time.perf_counter_ns())
        handler = await continuation(handler_call_details)
        if handler is None or not call.method.startswith(self._prefixes):
            return handler
        kind = ("stream_" if handler.request_streaming else "unary_") + (
            "stream" if handler.response_streaming else "unary"
        )
        wrap: Callable[..., Any] = self._stream if handler.response_streaming else self._unary
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(  # type: ignore[no-any-return]
            wrap(getattr(handler, kind), call), handler.request_deserializer, handler.response_serializer
        )

    @abstractmethod
    def _unary(self, behaviour: Unary, call: _Call) -> Unary:
        """Return what is to run in the place of `behaviour`, which gives one answer."""

    @abstractmethod
    def _stream(self, behaviour: Stream, call: _Call) -> Stream:
        """Return what is to run in the place of `behaviour`, which gives many."""


class Refusals(_Wrapping):
    """Turns a `ServiceError` raised by a handler into its rich status, and any other error into INTERNAL.

    An error that is no refusal is a defect of ours: its traceback goes to the log and the caller learns no
    more than that.
    """

    def __init__(self, domain: str, services: Sequence[str]) -> None:
        super().__init__(services)
        self._domain = domain

    def _unary(self, behaviour: Unary, call: _Call) -> Unary:
        async def answer(request: Any, context: Context) -> Any:
            try:
                return await behaviour(request, context)
            except Exception as error:
                await self._abort(error, call.method, context)

        return answer

    def _stream(self, behaviour: Stream, call: _Call) -> Stream:
        async def answers(request: Any, context: Context) -> AsyncIterator[Any]:
            try:
                # Closed here and now, so that the handler's clean-up has run when the call is over.
                async with aclosing(behaviour(request, context)) as stream:  # type: ignore[type-var]
                    async for answer in stream:
                        yield answer
            except Exception as error:
                await self._abort(error, call.method, context)

        return answers

    async def _abort(self, error: Exception, method: str, context: Context) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        if isinstance(error, ServiceError):
            await context.abort_with_status(to_status(error, self._domain))
        logger.error("%s failed unexpectedly", method, exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, "internal error; the service's log has the details")


class ServerTime(_Wrapping):
    """Tells with every single answer how long the call was here (`vicinal.wire.timing`).

    From the moment that the event loop takes the call up until its answer is made. What a stream takes is its
    caller's affair as much as ours, so it is not told; nor is it told with a refusal.
    """

    def _unary(self, behaviour: Unary, call: _Call) -> Unary:
        async def answer(request: Any, context: Context) -> Any:
            response = await behaviour(request, context)
            spent = (time.perf_counter_ns() - call.came) // 1000
            context.set_trailing_metadata(((SERVER_TIME, str(spent)),))
            return response

        return answer

    def _stream(self, behaviour: Stream, call: _Call) -> Stream:  # noqa: ARG002
        return behaviour
