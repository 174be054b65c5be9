"""One method an RPC: requests are checked, the pipeline does the work, outcomes become messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from embed_service.batching.flow import as_completed
from embed_service.batching.pipeline import Pipeline
from embed_service.batching.turns import Priority
from embed_service.encoders.registry import Registry
from embed_service.limits import Limits
from embed_service.rpc.conversion import (
    batch_response,
    get_model_response,
    model_of,
    priority_of,
    stream_response,
)
from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc
from vicinal.wire.errors import InvalidArgument

__all__ = ["DOMAIN", "SERVICE", "EmbeddingServicer"]

DOMAIN = "embed.vicinal"
SERVICE = embed_pb2.DESCRIPTOR.services_by_name["EmbeddingService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


class EmbeddingServicer(embed_pb2_grpc.EmbeddingServiceServicer):
    """`vicinal.embed.v1.EmbeddingService`; raises the refusals that the contract documents."""

    def __init__(self, pipeline: Pipeline, registry: Registry, limits: Limits, *, stream_window: int) -> None:
        """Serve `registry` through `pipeline`; one stream has at most `stream_window` images inside."""
        self._pipeline = pipeline
        self._registry = registry
        self._limits = limits
        self._stream_window = stream_window

    async def Embed(self, request: embed_pb2.EmbedRequest, context: Context) -> embed_pb2.EmbedResponse:
        """See the contract."""
        with self._registry.lease(request.encoder_digest) as served:
            count, limit = len(request.images), self._limits.max_images
            if count == 0:
                raise InvalidArgument("FIELD_REQUIRED", "images is empty: give at least one", field="images")
            if count > limit:
                message = f"images holds {count} images, at most {limit} are allowed in one call"
                raise InvalidArgument("TOO_MANY_ITEMS", message, field="images", limit=limit, value=count)
            priority = priority_of(request.priority, default=Priority.INTERACTIVE)
            outcomes = await self._pipeline.embed(list(request.images), served.lane, priority)
            return batch_response(outcomes, served.encoder)

    async def StreamEmbed(
        self, request_iterator: AsyncIterator[embed_pb2.StreamEmbedRequest], context: Context
    ) -> AsyncIterator[embed_pb2.StreamEmbedResponse]:
        """See the contract."""
        requests = aiter(request_iterator)
        try:
            first = [await anext(requests)]
        except StopAsyncIteration:
            return
        digest, priority = first[0].encoder_digest, priority_of(first[0].priority, default=Priority.BULK)
        entered = asyncio.Event()
        with self._registry.lease(digest) as served:

            async def embedded(numbered: tuple[int, bytes]) -> embed_pb2.StreamEmbedResponse:
                index, image = numbered
                outcome = await self._pipeline.embed_when_room(image, served.lane, priority, entered)
                return stream_response(index, outcome, served.encoder)

            images = _images(first, requests, entered)
            async with aclosing(as_completed(images, embedded, self._stream_window)) as responses:
                async for response in responses:
                    yield response

    async def GetModel(
        self, request: embed_pb2.GetModelRequest, context: Context
    ) -> embed_pb2.GetModelResponse:
        """See the contract."""
        return get_model_response(self._registry.find(request.encoder_digest).encoder, self._limits)

    async def ListModels(
        self, request: embed_pb2.ListModelsRequest, context: Context
    ) -> embed_pb2.ListModelsResponse:
        """See the contract."""
        files = await asyncio.to_thread(self._registry.folder.names)
        models = [model_of(served, self._registry.default) for served in self._registry.all()]
        return embed_pb2.ListModelsResponse(models=models, files=files)

    async def LoadModel(
        self, request: embed_pb2.LoadModelRequest, context: Context
    ) -> embed_pb2.LoadModelResponse:
        """See the contract."""
        served = await self._registry.load(request.file, make_default=request.make_default)
        return embed_pb2.LoadModelResponse(model=model_of(served, self._registry.default))

    async def SetDefaultModel(
        self, request: embed_pb2.SetDefaultModelRequest, context: Context
    ) -> embed_pb2.SetDefaultModelResponse:
        """See the contract."""
        served = await self._registry.set_default(request.encoder_digest)
        return embed_pb2.SetDefaultModelResponse(model=model_of(served, self._registry.default))

    async def UnloadModel(
        self, request: embed_pb2.UnloadModelRequest, context: Context
    ) -> embed_pb2.UnloadModelResponse:
        """See the contract."""
        await self._registry.unload(request.encoder_digest)
        return embed_pb2.UnloadModelResponse()


async def _images(
    first: list[embed_pb2.StreamEmbedRequest],
    rest: AsyncIterator[embed_pb2.StreamEmbedRequest],
    entered: asyncio.Event,
) -> AsyncIterator[tuple[int, bytes]]:
    """Yield each request's index and image: those of `first`, which is emptied, and then of the `rest`.

    The next request is read only when the last image has `entered`: a stream holds one message at most
    that the room does not count. Index and image leave their message behind, which would else be kept
    as a second copy for as long as the image is inside.
    """
    while first:
        entered.clear()
        yield _numbered(first.pop())
        await entered.wait()
    async for request in rest:
        entered.clear()
        yield _numbered(request)
        await entered.wait()


def _numbered(request: embed_pb2.StreamEmbedRequest) -> tuple[int, bytes]:
    return request.index, request.image
