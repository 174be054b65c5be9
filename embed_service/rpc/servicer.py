"""One method an RPC: requests are checked, the pipeline does the work, outcomes become messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from embed_service.batching.flow import as_completed
from embed_service.batching.pipeline import Pipeline
from embed_service.encoder.model import Encoder
from embed_service.limits import Limits
from embed_service.rpc.conversion import batch_response, model_response, stream_response
from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc
from vicinal.wire.errors import FailedPrecondition, InvalidArgument

__all__ = ["DOMAIN", "SERVICE", "EmbeddingServicer"]

DOMAIN = "embed.vicinal"
SERVICE = embed_pb2.DESCRIPTOR.services_by_name["EmbeddingService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


class EmbeddingServicer(embed_pb2_grpc.EmbeddingServiceServicer):
    """`vicinal.embed.v1.EmbeddingService`; raises the refusals that the contract documents."""

    def __init__(self, pipeline: Pipeline, encoder: Encoder, limits: Limits, *, stream_window: int) -> None:
        """Serve `encoder` through `pipeline`; one stream has at most `stream_window` images inside."""
        self._pipeline = pipeline
        self._encoder = encoder
        self._limits = limits
        self._stream_window = stream_window

    async def Embed(self, request: embed_pb2.EmbedRequest, context: Context) -> embed_pb2.EmbedResponse:
        """See the contract."""
        self._check_encoder(request.encoder_digest)
        count, limit = len(request.images), self._limits.max_images
        if count == 0:
            raise InvalidArgument("FIELD_REQUIRED", "images is empty: give at least one", field="images")
        if count > limit:
            message = f"images holds {count} images, at most {limit} are allowed in one call"
            raise InvalidArgument("TOO_MANY_ITEMS", message, field="images", limit=limit, value=count)
        outcomes = await self._pipeline.embed(list(request.images))
        return batch_response(outcomes, self._encoder)

    async def StreamEmbed(
        self, request_iterator: AsyncIterator[embed_pb2.StreamEmbedRequest], context: Context
    ) -> AsyncIterator[embed_pb2.StreamEmbedResponse]:
        """See the contract."""
        entered = asyncio.Event()

        async def embedded(numbered: tuple[int, bytes]) -> embed_pb2.StreamEmbedResponse:
            index, image = numbered
            outcome = await self._pipeline.embed_when_room(image, entered)
            return stream_response(index, outcome, self._encoder)

        images = self._images(request_iterator, entered)
        async with aclosing(as_completed(images, embedded, self._stream_window)) as responses:
            async for response in responses:
                yield response

    async def GetModel(
        self, request: embed_pb2.GetModelRequest, context: Context
    ) -> embed_pb2.GetModelResponse:
        """See the contract."""
        return model_response(self._encoder, self._limits)

    async def _images(
        self, requests: AsyncIterator[embed_pb2.StreamEmbedRequest], entered: asyncio.Event
    ) -> AsyncIterator[tuple[int, bytes]]:
        """Yield each request's index and image, once the first request has named the right encoder.

        The next request is read only when the last image has `entered`: a stream holds one message at most
        that the room does not count. Index and image leave their message behind, which would else be kept
        as a second copy for as long as the image is inside.
        """
        first = True
        async for request in requests:
            if first:
                self._check_encoder(request.encoder_digest)
                first = False
            entered.clear()
            yield request.index, request.image
            await entered.wait()

    def _check_encoder(self, digest: str) -> None:
        if digest and digest != self._encoder.digest:
            raise FailedPrecondition(
                "ENCODER_MISMATCH",
                f"encoder_digest is {digest}, this service has {self._encoder.digest} ({self._encoder.name})",
                field="encoder_digest",
                expected=self._encoder.digest,
                value=digest,
            )
