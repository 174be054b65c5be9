"""Any number of images over StreamEmbed, surviving streams that break.

Only the caller's side pulls images, reads files and takes answers; gRPC drains a queue that never holds
more than the images in flight. A stream stops taking images at half of its deadline and is followed by
the next, so that each can have a deadline and yet the whole may take hours.

A stream sends one image and waits for its answer before it sends more: a refusal of the whole stream then
arrives as what it is, while asyncio gRPC reports a stream that ends under its writes as INTERNAL
(github.com/grpc/grpc/issues/36066).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Generic, TypeVar

import grpc

from vicinal.embed.v1 import embed_pb2
from vicinal_client import _embed_wire as wire
from vicinal_client._embed_types import Embedded, ImageError, Priority
from vicinal_client._exceptions import (
    ConnectionFailed,
    DeadlineExceeded,
    TransportError,
    VicinalError,
    failure_of,
)
from vicinal_client._retry import Deadline, RetryPolicy
from vicinal_client._sync._backend import Queue, StreamCall, answers, sleep
from vicinal_client._sync._files import image_content

__all__ = ["Run"]

Key = TypeVar("Key")
Requests = Queue[embed_pb2.StreamEmbedRequest | None]


class Run(Generic[Key]):
    """One `embed_many`: what is still to be sent, what waits for its answer, and the streams it takes."""

    def __init__(
        self,
        method: StreamCall[embed_pb2.StreamEmbedRequest, embed_pb2.StreamEmbedResponse],
        retry: RetryPolicy,
        images: Iterable[tuple[Key, bytes | Path]],
        *,
        max_image_bytes: int,
        encoder_digest: str,
        priority: Priority | None,
        in_flight: int,
        timeout: float,
    ) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}, must be at least 1")
        if timeout <= 0:
            raise ValueError(f"timeout is {timeout}, must be positive")
        self._method = method
        self._retry = retry
        self._source = enumerate(images)
        self._exhausted = False
        self._pending: dict[int, tuple[Key, bytes | Path]] = {}
        self._again: deque[tuple[int, tuple[Key, bytes | Path]]] = deque()
        self._max_image_bytes = max_image_bytes
        self._digest = encoder_digest
        self._priority = wire.priority_value(priority)
        self._in_flight = in_flight
        self._timeout = timeout

    def outcomes(self) -> Generator[Embedded[Key], None]:
        """Yield the outcome of every image once, in the order of completion."""
        repeats = 0
        while self._again or not self._exhausted:
            answered = False
            failure: VicinalError | None = None
            try:
                with closing(self._one_stream()) as stream:
                    for outcome in stream:
                        answered = True
                        yield outcome
                if self._again:
                    failure = ConnectionFailed("OK", "the stream ended before every image was answered")
            except grpc.RpcError as error:
                failure = failure_of(error)
            repeats = 0 if answered else repeats
            if failure is not None:
                delay = self._delay(repeats, failure, answered)
                if delay is None:
                    raise failure
                repeats += 1
                sleep(delay)

    def _delay(self, repeats: int, failure: VicinalError, answered: bool) -> float | None:
        """Return the seconds to wait before the next stream, or None when `failure` is final."""
        if answered and isinstance(failure, DeadlineExceeded):
            return 0.0
        if isinstance(failure, TransportError) and failure.code == "INTERNAL":
            # The stream ended under a write. Embedding has no side effects: try again.
            failure = ConnectionFailed(failure.code, failure.message)
        return self._retry.delay(repeats, failure)

    def _one_stream(self) -> Generator[Embedded[Key], None]:
        """Open a stream, send what was not answered before and then new images, and yield the outcomes."""
        requests: Requests = Queue()
        taking = Deadline(self._timeout / 2)
        call = self._method(_drained(requests), timeout=self._timeout)
        try:
            while refused := self._fill(requests, taking, answered=False):
                for outcome in refused:
                    yield outcome
            for response in answers(call):
                self._digest = self._digest or response.encoder_digest
                if response.index in self._pending:
                    key, _ = self._pending.pop(response.index)
                    yield wire.embedded(key, response)
                while refused := self._fill(requests, taking, answered=True):
                    for outcome in refused:
                        yield outcome
        finally:
            requests.put_nowait(None)
            call.cancel()
            self._again.extendleft(reversed(self._pending.items()))
            self._pending.clear()

    def _fill(self, requests: Requests, taking: Deadline, *, answered: bool) -> list[Embedded[Key]]:
        """Send images until enough are in flight; return the outcome of those that cannot be sent.

        Closes the stream's sending side when it gets no more images: none are left, or its time is up.
        """
        refused: list[Embedded[Key]] = []
        most = self._in_flight if answered else 1
        time_is_up = answered and not taking.remaining()
        while len(self._pending) + len(refused) < most and not time_is_up:
            item = self._again.popleft() if self._again else next(self._source, None)
            if item is None:
                self._exhausted = True
                break
            index, (key, image) = item
            refusal = self._send(index, key, image, requests)
            if refusal:
                refused.append(refusal)
        if (time_is_up or (self._exhausted and not self._again)) and (answered or not self._pending):
            requests.put_nowait(None)
        return refused

    def _send(self, index: int, key: Key, image: bytes | Path, requests: Requests) -> Embedded[Key] | None:
        """Put the image on its way, or return its outcome when that cannot be done."""
        content = image_content(image, self._max_image_bytes)
        if isinstance(content, ImageError):
            return Embedded(key, None, content, b"", "", None)
        self._pending[index] = (key, image)
        requests.put_nowait(
            embed_pb2.StreamEmbedRequest(
                index=index, image=content, encoder_digest=self._digest, priority=self._priority
            )
        )
        return None


def _drained(requests: Requests) -> Iterator[embed_pb2.StreamEmbedRequest]:
    while (request := requests.get()) is not None:
        yield request
