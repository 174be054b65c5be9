"""Messages of vicinal.embed.v1 -> the client's own types."""

from __future__ import annotations

from dataclasses import fields

from vicinal.embed.v1 import embed_pb2, errors_pb2
from vicinal.wire.tensors import unpack
from vicinal_client._embed_types import (
    Embedded,
    Embeddings,
    EmbedLimits,
    ImageError,
    Key,
    LoadedModel,
    Model,
    Models,
    Priority,
    Timing,
)

__all__ = ["embedded", "embeddings", "loaded_model", "model", "models", "priority_value"]

_PRIORITIES = {
    None: embed_pb2.PRIORITY_UNSPECIFIED,
    Priority.INTERACTIVE: embed_pb2.PRIORITY_INTERACTIVE,
    Priority.BULK: embed_pb2.PRIORITY_BULK,
}


def priority_value(priority: Priority | None) -> embed_pb2.Priority.ValueType:
    """Return `priority` on the wire."""
    return _PRIORITIES[priority]


def model(message: embed_pb2.GetModelResponse) -> Model:
    """Return the encoder that `message` describes."""
    limits = {field.name: getattr(message.limits, field.name) for field in fields(EmbedLimits)}
    return Model(
        encoder_digest=message.encoder_digest,
        name=message.name,
        dimension=message.dimension,
        preprocessing_json=message.preprocessing_json,
        provider=message.provider,
        limits=EmbedLimits(**limits),
    )


def models(message: embed_pb2.ListModelsResponse) -> Models:
    """Return the encoders in `message`."""
    return Models(tuple(map(loaded_model, message.models)), tuple(message.files))


def loaded_model(message: embed_pb2.Model) -> LoadedModel:
    """Return the encoder that `message` describes."""
    return LoadedModel(**{field.name: getattr(message, field.name) for field in fields(LoadedModel)})


def embeddings(message: embed_pb2.EmbedResponse) -> Embeddings:
    """Return the vectors in `message`."""
    return Embeddings(
        vectors=unpack(message.embeddings, "embeddings"),
        errors=tuple(_error(result) for result in message.results),
        content_sha256=tuple(result.content_sha256 for result in message.results),
        encoder_digest=message.encoder_digest,
        timing=_timing(message.timing),
        cached=tuple(result.cached for result in message.results),
    )


def embedded(key: Key, message: embed_pb2.StreamEmbedResponse) -> Embedded[Key]:
    """Return the outcome in `message` of the image that the caller calls `key`."""
    return Embedded(
        key=key,
        vector=unpack(message.embedding, "embedding") if message.HasField("embedding") else None,
        error=_error(message.result),
        content_sha256=message.result.content_sha256,
        encoder_digest=message.encoder_digest,
        timing=_timing(message.timing),
        cached=message.result.cached,
    )


def _error(result: embed_pb2.ImageResult) -> ImageError | None:
    if not result.HasField("error"):
        return None
    error = result.error
    try:
        name = errors_pb2.ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_")
    except ValueError:  # a service newer than this client
        name = f"REASON_{error.reason}"
    return ImageError(name, error.message, dict(error.metadata))


def _timing(message: embed_pb2.Timing) -> Timing:
    return Timing(
        queue=message.queue_time.ToNanoseconds() / 1e9,
        decode=message.decode_time.ToNanoseconds() / 1e9,
        inference=message.inference_time.ToNanoseconds() / 1e9,
    )
