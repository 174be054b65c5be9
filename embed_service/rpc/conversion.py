"""Outcomes → messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from google.protobuf import duration_pb2

from embed_service.batching.outcome import Outcome, Timing
from embed_service.batching.turns import Priority
from embed_service.encoder.model import Encoder
from embed_service.encoders.served import Served
from embed_service.limits import Limits
from vicinal.embed.v1 import embed_pb2, errors_pb2
from vicinal.wire.tensors import pack

__all__ = ["batch_response", "get_model_response", "model_of", "priority_of", "stream_response"]

_PRIORITIES = {
    embed_pb2.PRIORITY_INTERACTIVE: Priority.INTERACTIVE,
    embed_pb2.PRIORITY_BULK: Priority.BULK,
}


def batch_response(outcomes: Sequence[Outcome], encoder: Encoder) -> embed_pb2.EmbedResponse:
    """Return the answer for a batch; refused images have a row of zeros."""
    embeddings = np.zeros((len(outcomes), encoder.dimension), dtype=np.float32)
    for row, outcome in zip(embeddings, outcomes, strict=True):
        if outcome.vector is not None:
            row[:] = outcome.vector
    return embed_pb2.EmbedResponse(
        embeddings=pack(embeddings),
        results=[_result(outcome, f"images[{index}]") for index, outcome in enumerate(outcomes)],
        encoder_digest=encoder.digest,
        timing=_timing([outcome.timing for outcome in outcomes]),
    )


def stream_response(index: int, outcome: Outcome, encoder: Encoder) -> embed_pb2.StreamEmbedResponse:
    """Return the answer for the streamed image that the caller numbered `index`."""
    return embed_pb2.StreamEmbedResponse(
        index=index,
        embedding=None if outcome.vector is None else pack(outcome.vector),
        result=_result(outcome, "image"),
        encoder_digest=encoder.digest,
        timing=_timing([outcome.timing]),
    )


def get_model_response(encoder: Encoder, limits: Limits) -> embed_pb2.GetModelResponse:
    """Return what `encoder` is and the limits in force."""
    return embed_pb2.GetModelResponse(
        encoder_digest=encoder.digest,
        name=encoder.name,
        dimension=encoder.dimension,
        preprocessing_json=encoder.preprocessing.to_json(),
        provider=encoder.provider,
        limits=embed_pb2.Limits(
            max_images=limits.max_images,
            max_image_bytes=limits.max_image_bytes,
            max_pixels=limits.max_pixels,
            max_message_bytes=limits.max_message_bytes,
            max_queue=limits.max_queue,
            max_models=limits.max_models,
        ),
    )


def model_of(served: Served, default: Served) -> embed_pb2.Model:
    """Return what is served, and whether it is the `default`."""
    encoder = served.encoder
    return embed_pb2.Model(
        encoder_digest=encoder.digest,
        name=encoder.name,
        dimension=encoder.dimension,
        preprocessing_json=encoder.preprocessing.to_json(),
        provider=encoder.provider,
        file=encoder.path.name,
        is_default=served is default,
        ready=served.ready,
    )


def priority_of(priority: embed_pb2.Priority.ValueType, *, default: Priority) -> Priority:
    """Return whose turn comes first; what is not set, or newer than this service, is the `default`."""
    return _PRIORITIES.get(priority, default)


def _result(outcome: Outcome, field: str) -> embed_pb2.ImageResult:
    error = None
    if outcome.refusal is not None:
        error = embed_pb2.ImageError(
            reason=errors_pb2.ErrorReason.Value(f"ERROR_REASON_{outcome.refusal.reason}"),
            message=outcome.refusal.message,
            metadata={"field": field, **outcome.refusal.metadata},
        )
    return embed_pb2.ImageResult(content_sha256=outcome.content_sha256, error=error, cached=outcome.cached)


def _timing(timings: Sequence[Timing]) -> embed_pb2.Timing:
    return embed_pb2.Timing(
        queue_time=_duration(max(timing.queue for timing in timings)),
        decode_time=_duration(max(timing.decode for timing in timings)),
        inference_time=_duration(max(timing.inference for timing in timings)),
    )


def _duration(seconds: float) -> duration_pb2.Duration:
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(round(max(seconds, 0.0) * 1e9))
    return duration
