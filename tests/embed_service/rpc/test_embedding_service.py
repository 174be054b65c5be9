"""The service over a real socket: what callers get, and that nothing they send takes it down."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2
from PIL import Image

from vicinal.embed.v1 import embed_pb2, errors_pb2
from vicinal.wire.errors import (
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    ServiceError,
    Unavailable,
)
from vicinal.wire.status import from_rpc_error
from vicinal.wire.tensors import unpack

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
NAME = "vicinal.embed.v1.EmbeddingService"

Request, StreamRequest = embed_pb2.EmbedRequest, embed_pb2.StreamEmbedRequest


HOSTILE = {
    "empty": ("UNSUPPORTED_FORMAT", {}),
    "svg": ("UNSUPPORTED_FORMAT", {}),
    "zeros": ("UNSUPPORTED_FORMAT", {}),
    "half a jpeg": ("IMAGE_CORRUPT", {}),
    "bomb": ("TOO_MANY_PIXELS", {"limit": "50000000", "value": "144000000"}),
    "long": ("IMAGE_TOO_LARGE", {"limit": "100000", "value": "100001"}),
}
"""Images that are refused -> reason and metadata."""

SMALL = ("--max-image-bytes", "100000", "--max-message-bytes", "500000")


@pytest.fixture(scope="session")
def hostile(bomb: bytes, encode: Callable[..., bytes]) -> dict[str, bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8)
    return {
        "empty": b"",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "zeros": bytes(5000),
        "half a jpeg": encode(Image.fromarray(noise), "JPEG")[:3000],
        "bomb": bomb,
        "long": b"\xff\xd8\xff" + bytes(99_998),
    }


async def refusal(call: Any) -> ServiceError:
    """The documented refusal that awaiting `call` (or reading it, if it is a stream) ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        await (drained(call) if hasattr(call, "__aiter__") else call)
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


async def drained(stream: AsyncIterator[Any]) -> list[Any]:
    return [answer async for answer in stream]


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def stream(images: list[bytes], **first: Any) -> Any:
    requests = [StreamRequest(index=10 * i, image=image) for i, image in enumerate(images)]
    requests[0].MergeFrom(StreamRequest(**first))
    return iter(requests)


async def test_a_batch_gets_its_vectors(start: Any, pngs: Any, pictures: Any, expected: Any) -> None:
    service = await start()
    response = await service.stub.Embed(Request(images=pngs[:5], encoder_digest=service.encoder.digest))
    vectors = unpack(response.embeddings, "embeddings")
    assert (vectors.dtype, vectors.shape) == (np.float32, (5, 16))
    np.testing.assert_allclose(vectors, [expected(picture) for picture in pictures[:5]], atol=1e-5)
    assert [r.content_sha256 for r in response.results] == [hashlib.sha256(png).digest() for png in pngs[:5]]
    assert not any(result.HasField("error") for result in response.results)
    assert response.encoder_digest == service.encoder.digest
    assert response.timing.decode_time.ToNanoseconds() > 0
    assert response.timing.inference_time.ToNanoseconds() > 0


async def test_get_model_tells_encoder_and_limits(start: Any) -> None:
    service = await start("--max-queue", "99", *SMALL)
    model = await service.stub.GetModel(embed_pb2.GetModelRequest())
    assert (model.encoder_digest, model.name) == (service.encoder.digest, "tiny")
    assert (model.dimension, model.provider) == (16, "CPUExecutionProvider")
    assert model.preprocessing_json == service.encoder.preprocessing.to_json()
    limits = model.limits
    assert (limits.max_images, limits.max_image_bytes, limits.max_pixels) == (64, 100_000, 50_000_000)
    assert (limits.max_message_bytes, limits.max_queue) == (500_000, 99)


@pytest.mark.parametrize("name", HOSTILE)
async def test_one_bad_image_is_one_error_item(
    start: Any, pngs: Any, pictures: Any, expected: Any, hostile: dict[str, bytes], name: str
) -> None:
    image, (reason, metadata) = hostile[name], HOSTILE[name]
    service = await start(*SMALL)
    response = await service.stub.Embed(Request(images=[pngs[0], image, pngs[1]]))
    vectors = unpack(response.embeddings, "embeddings")
    np.testing.assert_allclose(vectors[[0, 2]], [expected(p) for p in pictures[:2]], atol=1e-5)
    assert not vectors[1].any()
    assert [result.HasField("error") for result in response.results] == [False, True, False]
    assert response.results[1].content_sha256 == hashlib.sha256(image).digest()
    error = response.results[1].error
    assert errors_pb2.ErrorReason.Name(error.reason) == f"ERROR_REASON_{reason}"
    assert error.message
    assert dict(error.metadata) == {"field": "images[1]", **metadata}
    assert await service.health() == SERVING


async def test_images_without_a_vector_are_refused(start: Any, encode: Any, pngs: Any) -> None:
    """Grey in the middle is zero after normalisation, and so is what a linear map makes of it."""
    service = await start()
    steered, inner = service.encoder, type(service.encoder)._features
    grey_input = np.float32(127 / 127.5 - 1)
    steered._features = lambda inputs, size: np.where(
        np.abs(np.stack(inputs)[:, 0, 0, :1] - grey_input) < 1e-3, 0, inner(steered, inputs, size)
    )
    grey = encode(Image.new("RGB", (8, 8), (127, 127, 127)), "PNG")
    response = await service.stub.Embed(Request(images=[grey, pngs[0]]))
    assert response.results[0].error.reason == errors_pb2.ERROR_REASON_NOT_EMBEDDABLE
    assert not response.results[1].HasField("error")


async def test_call_level_refusals(start: Any, pngs: Any) -> None:
    service = await start("--max-images", "3")
    empty = await refusal(service.stub.Embed(Request()))
    assert isinstance(empty, InvalidArgument)
    assert (empty.reason, empty.metadata) == ("FIELD_REQUIRED", {"field": "images"})
    many = await refusal(service.stub.Embed(Request(images=pngs[:4])))
    assert isinstance(many, InvalidArgument)
    assert (many.reason, many.metadata) == ("TOO_MANY_ITEMS", {"field": "images", "limit": "3", "value": "4"})
    calls = (
        service.stub.Embed(Request(images=pngs[:1], encoder_digest="0" * 64)),
        # One message: who still sends when the refusal comes may see a failure to send in its place.
        service.stub.StreamEmbed(stream(pngs[:1], encoder_digest="0" * 64)),
    )
    for call in calls:
        wrong = await refusal(call)
        assert isinstance(wrong, FailedPrecondition)
        assert wrong.reason == "ENCODER_MISMATCH"
        digest = service.encoder.digest
        assert wrong.metadata == {"field": "encoder_digest", "expected": digest, "value": "0" * 64}
    assert await service.health() == SERVING


async def test_over_long_message(start: Any, pngs: Any) -> None:
    service = await start(*SMALL)
    with pytest.raises(grpc.RpcError) as caught:
        await service.stub.Embed(Request(images=[bytes(90_000)] * 6))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await service.health() == SERVING
    assert (await service.stub.Embed(Request(images=pngs[:1]))).results


async def test_full_queue_is_told_with_a_time_to_come_back(start: Any, pngs: Any) -> None:
    service = await start("--max-queue", "4", "--max-images", "4")
    service.encoder.gate.clear()
    inside = asyncio.ensure_future(service.stub.Embed(Request(images=pngs[:3])))
    await until(lambda: service.encoder.entered)
    full = await refusal(service.stub.Embed(Request(images=pngs[:2])))
    assert isinstance(full, ResourceExhausted)
    assert (full.reason, full.metadata) == ("QUEUE_FULL", {"limit": "4"})
    assert full.retry_after
    assert await service.health() == SERVING
    service.encoder.gate.set()
    assert len((await inside).results) == 3
    assert len((await service.stub.Embed(Request(images=pngs[:2]))).results) == 2


@pytest.mark.parametrize("how", ["cancelled", "deadline"])
async def test_callers_who_leave_take_their_images_along(start: Any, pngs: Any, how: str) -> None:
    service = await start()
    service.encoder.gate.clear()
    first = asyncio.ensure_future(service.stub.Embed(Request(images=pngs[:1])))
    await until(lambda: service.encoder.entered)
    timeout = 0.3 if how == "deadline" else None
    gone = service.stub.Embed(Request(images=pngs[1:6]), timeout=timeout)
    waiting = asyncio.ensure_future(gone.code())
    await until(lambda: service.pipeline._room.images == 6)
    if how == "cancelled":
        gone.cancel()
    code = grpc.StatusCode.CANCELLED if how == "cancelled" else grpc.StatusCode.DEADLINE_EXCEEDED
    assert await waiting == code
    await until(lambda: service.pipeline._room.images == 1)
    service.encoder.gate.set()
    await first
    await service.stub.Embed(Request(images=pngs[6:7]))
    assert service.encoder.batches == [1, 1]


async def test_deadline_already_past(start: Any, pngs: Any) -> None:
    service = await start()
    with pytest.raises(grpc.RpcError) as caught:
        await service.stub.Embed(Request(images=pngs[:1]), timeout=-1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert await service.health() == SERVING


async def test_many_callers_at_once_each_get_their_own(
    start: Any, pngs: Any, pictures: Any, expected: Any
) -> None:
    service = await start("--max-batch", "16")

    async def ask(number: int) -> None:
        response = await service.stub.Embed(Request(images=pngs[number : number + 2]))
        vectors = unpack(response.embeddings, "embeddings")
        np.testing.assert_allclose(vectors, [expected(p) for p in pictures[number : number + 2]], atol=1e-5)

    service.encoder.gate.clear()
    calls = [asyncio.create_task(ask(number)) for number in range(0, 100, 2)]
    await until(lambda: service.pipeline._room.images == 100)
    service.encoder.gate.set()
    await asyncio.gather(*calls)
    assert len(service.encoder.batches) <= 20  # not one for each of 50 calls


async def test_stream_answers_everything_and_lives_through_bad_images(
    start: Any, pngs: Any, pictures: Any, expected: Any, hostile: dict[str, bytes]
) -> None:
    service = await start("--stream-window", "5", *SMALL)
    bad = dict(enumerate(hostile.values(), start=3))
    images = [bad.get(i, png) for i, png in enumerate(pngs)]
    call = service.stub.StreamEmbed(stream(images, encoder_digest=service.encoder.digest))
    answers = {answer.index // 10: answer async for answer in call}
    assert sorted(answers) == list(range(100))
    for number, answer in answers.items():
        assert answer.result.content_sha256 == hashlib.sha256(images[number]).digest()
        assert answer.encoder_digest == service.encoder.digest
        assert answer.HasField("embedding") != answer.result.HasField("error") == (number in bad)
        if number in bad:
            assert answer.result.error.metadata["field"] == "image"
        else:
            vector = unpack(answer.embedding, "embedding")
            np.testing.assert_allclose(vector, expected(pictures[number]), atol=1e-5)
    assert await service.health() == SERVING


async def test_encoder_digest_counts_in_the_first_message_only(start: Any, pngs: Any) -> None:
    service = await start()
    requests = [StreamRequest(image=png, encoder_digest="0" * 64 * i) for i, png in enumerate(pngs[:3])]
    assert len(await drained(service.stub.StreamEmbed(iter(requests)))) == 3


async def test_empty_stream(start: Any) -> None:
    service = await start()
    assert await drained(service.stub.StreamEmbed(iter(()))) == []


async def test_streams_are_slowed_not_refused(start: Any, pngs: Any) -> None:
    """Two streams of 20 MB into a queue of 8: read no further than half of it, and calls still get in."""
    service = await start("--max-queue", "8", "--max-images", "4")
    service.encoder.gate.clear()
    written = [0, 0]

    async def requests(number: int) -> AsyncIterator[Any]:
        for index in range(200):
            yield StreamRequest(index=index, image=pngs[index % 100] + bytes(100_000))
            written[number] += 1

    async def read(number: int) -> int:
        return len(await drained(service.stub.StreamEmbed(requests(number))))

    streams = [asyncio.create_task(read(number)) for number in (0, 1)]
    await until(lambda: service.pipeline._room.images == 4)
    await asyncio.sleep(0.5)
    assert service.pipeline._room.images == 4
    assert max(written) < 200
    call = asyncio.ensure_future(service.stub.Embed(Request(images=pngs[:4])))
    await until(lambda: service.pipeline._room.images == 8)
    service.encoder.gate.set()
    assert len((await call).results) == 4
    assert await asyncio.gather(*streams) == [200, 200]


async def test_health_says_not_serving_before_warm_up(start: Any, pngs: Any) -> None:
    service = await start(warm=False)
    assert [await service.health(name) for name in ("", NAME)] == [NOT_SERVING, NOT_SERVING]
    early = await refusal(service.stub.Embed(Request(images=pngs[:1])))
    assert isinstance(early, Unavailable)
    await service.service.start()
    assert [await service.health(name) for name in ("", NAME)] == [SERVING, SERVING]


async def test_failed_inference_shows_in_health_until_it_works_again(start: Any, pngs: Any) -> None:
    service = await start()
    service.encoder.broken = True
    for call in (
        service.stub.Embed(Request(images=pngs[:2])),
        service.stub.StreamEmbed(stream(pngs[:2])),
    ):
        failed = await refusal(call)
        assert isinstance(failed, Unavailable)
        assert failed.reason == "INFERENCE_FAILED"
        assert [await service.health(name) for name in ("", NAME)] == [NOT_SERVING, NOT_SERVING]
    service.encoder.broken = False
    while await service.health() != SERVING:
        await asyncio.sleep(0.02)
    assert (await service.stub.Embed(Request(images=pngs[:1]))).results


async def test_stream_is_told_when_the_service_stops(start: Any, pngs: Any) -> None:
    service = await start()
    call = service.stub.StreamEmbed()
    await call.write(StreamRequest(index=1, image=pngs[0]))
    assert (await call.read()).index == 1
    service.pipeline.drain()
    await call.write(StreamRequest(index=2, image=pngs[1]))
    stopping = await refusal(call.read())
    assert isinstance(stopping, Unavailable)
    assert stopping.reason == "SHUTTING_DOWN"
