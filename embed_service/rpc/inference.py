"""The Open Inference Protocol over the same pipeline: what a Triton client, unmodified, may call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import grpc

from embed_service.batching.pipeline import Pipeline
from embed_service.batching.turns import Priority
from embed_service.encoders.registry import Registry
from embed_service.encoders.served import Served
from embed_service.limits import Limits
from embed_service.rpc.inference_conversion import (
    checked_outputs,
    given,
    metadata,
    priority_of,
    response,
    vectors_of,
)
from embed_service.rpc.servicer import DOMAIN
from vicinal.inference.v2 import inference_pb2, inference_pb2_grpc
from vicinal.wire.errors import NotFound, ServiceError
from vicinal.wire.inference import SERVICE
from vicinal.wire.status import to_status

__all__ = ["SERVICE", "InferenceServicer", "add_to_server"]

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """`inference.GRPCInferenceService`; raises the refusals that vicinal.inference.v2 documents."""

    def __init__(self, pipeline: Pipeline, registry: Registry, limits: Limits) -> None:
        """Serve the encoders of `registry` through `pipeline`."""
        self._pipeline = pipeline
        self._registry = registry
        self._limits = limits

    async def ServerLive(
        self, request: inference_pb2.ServerLiveRequest, context: Context
    ) -> inference_pb2.ServerLiveResponse:
        """See the contract."""
        return inference_pb2.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: inference_pb2.ServerReadyRequest, context: Context
    ) -> inference_pb2.ServerReadyResponse:
        """See the contract."""
        return inference_pb2.ServerReadyResponse(ready=self._registry.default.ready)

    async def ModelReady(
        self, request: inference_pb2.ModelReadyRequest, context: Context
    ) -> inference_pb2.ModelReadyResponse:
        """See the contract."""
        models = self._models(request.name, request.version)
        return inference_pb2.ModelReadyResponse(ready=bool(models) and models[0].ready)

    async def ServerMetadata(
        self, request: inference_pb2.ServerMetadataRequest, context: Context
    ) -> inference_pb2.ServerMetadataResponse:
        """See the contract."""
        return inference_pb2.ServerMetadataResponse(name="vicinal", version=version("vicinal"))

    async def ModelMetadata(
        self, request: inference_pb2.ModelMetadataRequest, context: Context
    ) -> inference_pb2.ModelMetadataResponse:
        """See the contract."""
        served = self._model(request.name, request.version, "")
        versions = [model.encoder.digest for model in self._models(request.name, "")]
        return metadata(served.encoder, versions, self._limits)

    async def ModelInfer(
        self, request: inference_pb2.ModelInferRequest, context: Context
    ) -> inference_pb2.ModelInferResponse:
        """See the contract."""
        return await self._infer(request, Priority.INTERACTIVE)

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterator[inference_pb2.ModelInferRequest], context: Context
    ) -> AsyncIterator[inference_pb2.ModelStreamInferResponse]:
        """See the contract. The next request is read when the last one's answer has been taken."""
        async for request in request_iterator:
            try:
                answer = await self._infer(request, Priority.BULK)
                yield inference_pb2.ModelStreamInferResponse(infer_response=answer)
            except ServiceError as error:
                if error.reason == "SHUTTING_DOWN":  # the next request would fare no better
                    raise
                nothing = inference_pb2.ModelInferResponse(id=request.id)
                told = to_status(error, DOMAIN).details  # which are never long, whatever the request said
                message = f"{told} ({error.reason})"
                yield inference_pb2.ModelStreamInferResponse(error_message=message, infer_response=nothing)

    async def _infer(
        self, request: inference_pb2.ModelInferRequest, default: Priority
    ) -> inference_pb2.ModelInferResponse:
        chosen = self._model(request.model_name, request.model_version, "model_")
        with self._registry.lease(chosen.encoder.digest) as served:
            encoder, lane = served.encoder, served.lane
            checked_outputs(request)
            priority = priority_of(request, default)
            content = await asyncio.to_thread(given, request, encoder, self._limits.max_images)
            if isinstance(content, list):
                vectors = vectors_of(await self._pipeline.embed(content, lane, priority))
            else:
                vectors = await self._pipeline.embed_inputs(content, lane, priority)
            return response(request, encoder, vectors)

    def _model(self, name: str, version: str, prefix: str) -> Served:
        """Return the model that is meant; `prefix` leads the names of the request's fields."""
        models = self._models(name, version)
        if models:
            return models[0]
        field, value = ("version", version) if self._models(name, "") else ("name", name)
        loaded = ", ".join(sorted({model.encoder.name for model in self._registry.all()}))
        message = f"no model of the {prefix}{field} {value!r} is loaded; there are {loaded}"
        raise NotFound("MODEL_NOT_FOUND", message, field=f"{prefix}{field}", value=value)

    def _models(self, name: str, version: str) -> list[Served]:
        """Return the loaded encoders of this name and (unless empty) version, the default first."""
        default = self._registry.default
        return sorted(
            (
                model
                for model in self._registry.all()
                if model.encoder.name == name and version in ("", model.encoder.digest)
            ),
            key=lambda model: model is not default,
        )


def add_to_server(servicer: InferenceServicer, server: grpc.aio.Server) -> None:
    """Register `servicer` under the protocol's name, which the generated code does not know."""
    handlers = {}
    for method in inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods:
        kind = "stream_stream" if method.server_streaming else "unary_unary"
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        handlers[method.name] = make(
            getattr(servicer, method.name),
            request_deserializer=getattr(inference_pb2, method.input_type.name).FromString,
            response_serializer=getattr(inference_pb2, method.output_type.name).SerializeToString,
        )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
