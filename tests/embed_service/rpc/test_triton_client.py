"""Triton's own client, unmodified, against the service over a real socket, in one process with our stubs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import onnx
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from vicinal_client import AsyncEmbedClient

PREPROCESSING = (
    '{"size": 8, "resize": "bilinear", "fit": "stretch", '
    '"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "name": "other"}'
)


@pytest.fixture
async def service(start: Any) -> Any:
    return await start()


@pytest.fixture
async def client(service: Any) -> AsyncIterator[triton_aio.InferenceServerClient]:
    async with triton_aio.InferenceServerClient(service.server.address) as client:
        yield client


def files(images: list[bytes], shape: list[int] | None = None) -> triton.InferInput:
    tensor = triton.InferInput("images", shape or [len(images)], "BYTES")
    return tensor.set_data_from_numpy(np.array(images, dtype=np.object_).reshape(shape or [len(images)]))


def inputs(batch: npt.NDArray[Any], name: str = "image") -> triton.InferInput:
    kind = {"float32": "FP32", "float16": "FP16"}[batch.dtype.name]
    return triton.InferInput(name, list(batch.shape), kind).set_data_from_numpy(batch)


async def our_vectors(service: Any, images: list[bytes]) -> npt.NDArray[np.float32]:
    async with AsyncEmbedClient(service.server.address) as ours:
        return (await ours.embed(images)).vectors


async def test_encoded_files_give_the_vectors_of_our_own_client(
    service: Any, client: Any, pngs: list[bytes], pictures: Any, expected: Any
) -> None:
    result = await client.infer("tiny", [files(pngs[:5])], request_id="77")
    vectors = result.as_numpy("embeddings")
    np.testing.assert_array_equal(vectors, await our_vectors(service, pngs[:5]))
    np.testing.assert_allclose(vectors, [expected(picture) for picture in pictures[:5]], atol=1e-5)
    answer = result.get_response()
    assert (answer.id, answer.model_name, answer.model_version) == ("77", "tiny", service.encoder.digest)
    column = await client.infer("tiny", [files(pngs[:5], [5, 1])])  # as models with max_batch_size are asked
    np.testing.assert_array_equal(column.as_numpy("embeddings"), vectors)


async def test_float_tensors_give_the_vectors_of_our_own_client(
    service: Any, client: Any, pngs: list[bytes], pictures: Any
) -> None:
    batch = service.encoder.preprocessing.normalised(pictures[:5])
    wanted = [triton.InferRequestedOutput("embeddings")]
    result = await client.infer("tiny", [inputs(batch)], service.encoder.digest, outputs=wanted)
    ours = await our_vectors(service, pngs[:5])
    np.testing.assert_allclose(result.as_numpy("embeddings"), ours, atol=1e-6)
    half = await client.infer("tiny", [inputs(batch.astype(np.float16))])
    np.testing.assert_allclose(half.as_numpy("embeddings"), ours, atol=2e-3)


async def test_health_and_metadata(service: Any, client: Any, pngs: list[bytes]) -> None:
    encoder = service.encoder
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("tiny")
    assert await client.is_model_ready("tiny", encoder.digest)
    assert not await client.is_model_ready("tiny", "0" * 64)
    assert not await client.is_model_ready("unheard of")
    assert (await client.get_server_metadata()).name == "vicinal"
    model = await client.get_model_metadata("tiny")
    assert (model.name, list(model.versions), model.platform) == (
        "tiny",
        [encoder.digest],
        "onnxruntime_onnx",
    )
    assert [(t.name, t.datatype, list(t.shape)) for t in (*model.inputs, *model.outputs)] == [
        ("images", "BYTES", [-1]),
        ("image", "FP32", [-1, 3, 8, 8]),
        ("embeddings", "FP32", [-1, 16]),
    ]


async def test_not_ready_before_warm_up_and_while_inference_fails(start: Any, pngs: list[bytes]) -> None:
    service = await start(warm=False)
    async with triton_aio.InferenceServerClient(service.server.address) as client:
        assert await client.is_server_live()
        assert not await client.is_server_ready()
        assert not await client.is_model_ready("tiny")
        await service.service.start()
        assert await client.is_model_ready("tiny")
        service.encoder.broken = True
        with pytest.raises(InferenceServerException, match="try again"):
            await client.infer("tiny", [files(pngs[:1])])
        assert not await client.is_server_ready()
        assert not await client.is_model_ready("tiny")


async def test_several_encoders_are_models_by_name_and_version(
    start: Any, build_model: Any, tmp_path: Path, pngs: list[bytes]
) -> None:
    onnx.save(build_model(metadata=PREPROCESSING), tmp_path / "other.onnx")
    service = await start("--encoder", str(tmp_path / "other.onnx"))
    assert len(service.registry.all()) == 2
    async with triton_aio.InferenceServerClient(service.server.address) as client:
        digests = [model.encoder.digest for model in service.registry.all()]
        for name, digest in zip(("tiny", "other"), digests, strict=True):
            result = await client.infer(name, [files(pngs[:1])])
            assert result.get_response().model_version == digest
        with pytest.raises(InferenceServerException, match="model_version") as caught:
            await client.infer("tiny", [files(pngs[:1])], digests[1])
        assert caught.value.status() == "StatusCode.NOT_FOUND"


async def test_of_two_versions_the_default_encoder_answers(
    start: Any, build_model: Any, tmp_path: Path, pngs: list[bytes]
) -> None:
    cropped = PREPROCESSING.replace("other", "tiny").replace("stretch", "crop")
    onnx.save(build_model(metadata=cropped), tmp_path / "cropped.onnx")
    service = await start("--encoder", str(tmp_path / "cropped.onnx"))
    digests = [model.encoder.digest for model in service.registry.all()]
    async with triton_aio.InferenceServerClient(service.server.address) as client:
        for default in (digests[1], digests[0]):
            await service.registry.set_default(default)
            answer = (await client.infer("tiny", [files(pngs[:1])])).get_response()
            assert answer.model_version == default
            assert list((await client.get_model_metadata("tiny")).versions) == sorted(
                digests, key=lambda digest: digest != default
            )


async def test_a_refused_image_refuses_the_call_and_is_named(client: Any, pngs: list[bytes]) -> None:
    with pytest.raises(InferenceServerException, match=r"images\[1\]: the PNG image is damaged") as caught:
        await client.infer("tiny", [files([pngs[0], pngs[1][:60], pngs[2]])])
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"


async def test_a_priority_is_heeded(start: Any, pngs: list[bytes]) -> None:
    """While the encoder is held up a bulk image arrives, then an interactive one, which overtakes it."""
    service = await start("--max-batch", "1")
    answered: list[str] = []

    async def ask(image: bytes, priority: int) -> None:
        async with triton_aio.InferenceServerClient(service.server.address) as client:
            await client.infer("tiny", [files([image])], priority=priority)
            answered.append({0: "first", 1: "interactive", 2: "bulk"}[priority])

    service.encoder.gate.clear()
    calls = [asyncio.create_task(ask(pngs[0], 0))]
    while not service.encoder.entered:
        await asyncio.sleep(0.005)
    for waiting, priority in ((1, 2), (2, 1)):
        calls.append(asyncio.create_task(ask(pngs[waiting], priority)))
        while len(service.registry.default.lane.runner._turns) < waiting:
            await asyncio.sleep(0.005)
    service.encoder.gate.set()
    await asyncio.gather(*calls)
    assert answered == ["first", "interactive", "bulk"]


async def test_the_blocking_client_its_callbacks_and_its_stream(service: Any, pngs: list[bytes]) -> None:
    """All from threads of Triton's client; the bad image in the stream is one error, in its place."""
    ours = await our_vectors(service, pngs[:6])

    def use() -> None:
        with triton.InferenceServerClient(service.server.address) as client:
            assert client.is_server_live()
            found: dict[int, Any] = {}
            arrived = threading.Semaphore(0)

            def keep(index: int, result: Any, error: Any) -> None:
                found[index] = error or result
                arrived.release()

            for i in range(6):
                client.async_infer(
                    "tiny", [files([pngs[i]])], callback=lambda result, error, i=i: keep(i, result, error)
                )
            for _ in range(6):
                assert arrived.acquire(timeout=30)
            for i in range(6):
                np.testing.assert_allclose(found[i].as_numpy("embeddings"), ours[[i]], atol=1e-6)

            streamed: list[Any] = []

            def next_one(result: Any, error: Any) -> None:
                streamed.append(error or result)
                arrived.release()

            client.start_stream(next_one)
            for image in (pngs[0], b"no image", pngs[2]):
                client.async_stream_infer("tiny", [files([image])])
            for _ in range(3):
                assert arrived.acquire(timeout=30)
            client.stop_stream()
            assert "UNSUPPORTED_FORMAT" in str(streamed[1])
            for i in (0, 2):
                np.testing.assert_allclose(streamed[i].as_numpy("embeddings"), ours[[i]], atol=1e-6)

    await asyncio.to_thread(use)


async def test_a_stream_is_told_when_the_service_stops(service: Any, client: Any, pngs: list[bytes]) -> None:
    go_on = asyncio.Event()

    async def requests() -> AsyncIterator[dict[str, Any]]:
        yield {"model_name": "tiny", "inputs": [files(pngs[:1])], "request_id": "first"}
        await go_on.wait()
        yield {"model_name": "tiny", "inputs": [files(pngs[:1])]}

    answers = client.stream_infer(requests())
    result, error = await anext(answers)
    assert (result.get_response().id, error) == ("first", None)
    service.pipeline.drain()
    go_on.set()
    with pytest.raises(grpc.RpcError) as caught:
        await anext(answers)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_an_error_in_a_stream_is_short_whatever_was_asked_for(client: Any, pngs: list[bytes]) -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        yield {"model_name": "x" * 10_000_000, "inputs": [files(pngs[:1])]}

    (_, error), *rest = [answer async for answer in client.stream_infer(requests())]
    assert rest == []
    assert "no model of the model_name" in str(error)
    assert "(MODEL_NOT_FOUND)" in str(error)
    assert len(str(error)) < 1000
