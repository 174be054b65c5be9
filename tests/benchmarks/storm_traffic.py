"""What a storm is made of: calls good and bad, and what the contract says must come back."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
import numpy as np
from google.rpc import error_details_pb2, status_pb2
from storm_images import Sent, Stock

from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc, errors_pb2

__all__ = ["Caller", "Findings"]

TOLERANCE = 1e-4
"""Largest difference of a number in a vector: batches of other sizes round a little differently."""
PATIENCE = 60.0
"""Seconds after which an answer counts as lost, and a queue that stays full as clogged."""
LONGEST_MESSAGE = 4 * 1024 * 1024
ENVELOPE = 16
"""Bytes around an image in a message, at most."""


class Wrong(Exception):
    """The service did not do what the contract says."""


@dataclass
class Findings:
    """What came of all calls: how many of each kind, and what was wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)


class Caller:
    """One of many callers at a time; each call is of a kind chosen at random.

    Attributes:
        findings: shared by all.
    """

    def __init__(self, address: str, stock: Stock, findings: Findings, seed: int) -> None:
        """Say where to call, and what with."""
        self.findings = findings
        self._address = address
        self._stock = stock
        self._random = random.Random(seed)
        self._kinds: dict[Callable[[], Awaitable[None]], int] = {
            self.embed: 40,
            self.stream: 10,
            self.cancelled_embed: 10,
            self.cancelled_stream: 5,
            self.vanished: 2,
            self.out_of_time: 4,
            self.no_image: 3,
            self.too_many_images: 3,
            self.other_encoder: 3,
            self.message_too_long: 2,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Call until `stop`."""
        async with self._channel() as channel:
            self._stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
            while not stop.is_set():
                (kind,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
                self.findings.counts[kind.__name__] += 1
                try:
                    async with asyncio.timeout(2 * PATIENCE):
                        await kind()
                except (Wrong, grpc.RpcError, TimeoutError) as error:
                    self.findings.wrongs.append(f"{kind.__name__}: {type(error).__name__} {error}")

    async def embed(self) -> None:
        """A batch of good and bad images, repeated while the queue is full."""
        sent = self._some(1, 12)
        request = embed_pb2.EmbedRequest(images=[one.data for one in sent])
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = await self._stub.Embed(request, timeout=PATIENCE)
                break
            except grpc.aio.AioRpcError as error:
                self._check_refusal(error, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
                if time.monotonic() > deadline:
                    raise Wrong(f"the queue has been full for {PATIENCE:g} s") from None
                await asyncio.sleep(self._random.uniform(0.02, 0.3))
        vectors = np.frombuffer(answer.embeddings.data, np.float32).reshape(len(sent), -1)
        for one, vector, result in zip(sent, vectors, answer.results, strict=True):
            self._check(one, vector, result)

    async def stream(self) -> None:
        """A stream of good and bad images."""
        sent = self._some(1, 60)
        left = set(range(len(sent)))
        async for answer in self._stub.StreamEmbed(self._requests(sent), timeout=PATIENCE):
            left.remove(answer.index)
            self._check_streamed(sent[answer.index], answer)
        if left:
            raise Wrong(f"{len(left)} of {len(sent)} images were not answered")

    async def cancelled_embed(self) -> None:
        """A batch that the caller loses interest in."""
        call = self._stub.Embed(embed_pb2.EmbedRequest(images=[one.data for one in self._some(1, 12)]))
        await asyncio.sleep(self._random.expovariate(20))
        call.cancel()
        with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
            await call

    async def cancelled_stream(self) -> None:
        """A stream that ends from the caller's side after some answers."""
        sent = self._some(20, 60)
        call = self._stub.StreamEmbed(self._requests(sent), timeout=PATIENCE)
        for _ in range(self._random.randrange(15)):
            answer = await call.read()
            self._check_streamed(sent[answer.index], answer)
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call.code()

    async def vanished(self) -> None:
        """A caller whose connection is gone in the midst of a stream."""
        sent = self._some(20, 60)
        async with self._channel() as channel:
            stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
            call = stub.StreamEmbed(self._requests(sent), timeout=PATIENCE)
            answer = await call.read()
            self._check_streamed(sent[answer.index], answer)

    async def out_of_time(self) -> None:
        """A deadline that is hardly to be met."""
        request = embed_pb2.EmbedRequest(images=[one.data for one in self._some(8, 16)])
        try:
            await self._stub.Embed(request, timeout=self._random.uniform(0.001, 0.05))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                self._check_refusal(error, grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")

    async def no_image(self) -> None:
        """An empty batch."""
        await self._refused(embed_pb2.EmbedRequest(), grpc.StatusCode.INVALID_ARGUMENT, "FIELD_REQUIRED")

    async def too_many_images(self) -> None:
        """More images than a call may hold."""
        images = [b"x"] * (self._stock.max_images + 1)
        request = embed_pb2.EmbedRequest(images=images)
        await self._refused(request, grpc.StatusCode.INVALID_ARGUMENT, "TOO_MANY_ITEMS")

    async def other_encoder(self) -> None:
        """An encoder that is not loaded."""
        request = embed_pb2.EmbedRequest(images=[b"x"], encoder_digest="0" * 64)
        await self._refused(request, grpc.StatusCode.FAILED_PRECONDITION, "ENCODER_MISMATCH")

    async def message_too_long(self) -> None:
        """More bytes than the transport takes."""
        request = embed_pb2.EmbedRequest(images=[bytes(LONGEST_MESSAGE + 1)])
        await self._refused(request, grpc.StatusCode.RESOURCE_EXHAUSTED, None)

    def _channel(self) -> grpc.aio.Channel:
        own = [("grpc.use_local_subchannel_pool", 1)]  # a connection of its own
        return grpc.aio.insecure_channel(self._address, options=own)

    def _some(self, least: int, most: int) -> list[Sent]:
        """As many images, or as few of them as one message holds."""
        sent = self._stock.some(self._random.randint(least, most), self._random)
        while sum(len(one.data) + ENVELOPE for one in sent) > LONGEST_MESSAGE:
            sent.pop()
        return sent

    async def _requests(self, sent: Sequence[Sent]) -> AsyncIterator[embed_pb2.StreamEmbedRequest]:
        for index, one in enumerate(sent):
            yield embed_pb2.StreamEmbedRequest(index=index, image=one.data)

    async def _refused(
        self, request: embed_pb2.EmbedRequest, code: grpc.StatusCode, reason: str | None
    ) -> None:
        try:
            await self._stub.Embed(request, timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            self._check_refusal(error, code, reason)
        else:
            raise Wrong(f"not refused with {code.name} {reason}")

    def _check_refusal(self, error: grpc.aio.AioRpcError, code: grpc.StatusCode, reason: str | None) -> None:
        if (error.code(), reason_of(error)) != (code, reason):
            raise Wrong(f"{error.code().name} {reason_of(error)}, expected {code.name} {reason}: {error}")
        self.findings.counts[f"refused: {reason or code.name}"] += 1

    def _check_streamed(self, sent: Sent, answer: embed_pb2.StreamEmbedResponse) -> None:
        self._check(sent, np.frombuffer(answer.embedding.data, np.float32), answer.result)

    def _check(self, sent: Sent, vector: np.ndarray, result: embed_pb2.ImageResult) -> None:
        reason = errors_pb2.ErrorReason.Name(result.error.reason).removeprefix("ERROR_REASON_")
        if sent.vector is None:
            if reason != sent.reason:
                raise Wrong(f"a {sent.name} image got {reason}, expected {sent.reason}")
            self.findings.counts[f"image: {reason}"] += 1
        elif result.HasField("error"):
            raise Wrong(f"a good image ({sent.name}) got {reason}: {result.error.message}")
        elif vector.shape != sent.vector.shape or np.abs(vector - sent.vector).max() > TOLERANCE:
            raise Wrong(f"a good image ({sent.name}) got a vector that is not its own")
        else:
            self.findings.counts["image: vector" + (" (cached)" if result.cached else "")] += 1


def reason_of(error: grpc.aio.AioRpcError) -> str | None:
    """The reason in the error's details, or None where there is none."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    for detail in status_pb2.Status.FromString(details).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return str(info.reason)
    return None
