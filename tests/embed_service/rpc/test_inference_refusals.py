"""What the Open Inference Protocol's calls are refused for, with which reason and field."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from grpc_health.v1 import health_pb2

from embed_service.rpc import inference
from embed_service.rpc.inference_conversion import given
from vicinal.inference.v2 import inference_pb2
from vicinal.wire.errors import InvalidArgument, NotFound, ResourceExhausted, ServiceError, Unavailable
from vicinal.wire.inference import SERVICE, pack_strings
from vicinal.wire.status import from_rpc_error

Request = inference_pb2.ModelInferRequest


def method(service: Any, name: str) -> Any:
    return service.channel.unary_unary(
        f"/{SERVICE}/{name}",
        request_serializer=getattr(inference_pb2, f"{name}Request").SerializeToString,
        response_deserializer=getattr(inference_pb2, f"{name}Response").FromString,
    )


async def refusal(call: Any) -> ServiceError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


def asking(images: list[bytes], **changes: Any) -> Request:
    """A good request for `images`, but for `changes`: JSON values of top-level fields."""
    request = Request(model_name="tiny", raw_input_contents=[pack_strings(images)])
    request.inputs.add(name="images", datatype="BYTES", shape=[len(images)])
    for name in changes:
        request.ClearField(name)
    return json_format.ParseDict(changes, request)


def of_inputs(batch: Any) -> Request:
    request = Request(model_name="tiny", raw_input_contents=[batch.tobytes()])
    request.inputs.add(name="image", datatype=f"FP{8 * batch.itemsize}", shape=batch.shape)
    return request


def tensor(name: str = "image", kind: str = "FP32", shape: Any = (1, 3, 8, 8), **more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": name, "datatype": kind, "shape": list(shape), **more}]}


RAW = {"raw_input_contents": ["AAAA" * 256]}  # 768 bytes of zeros: FP32 [1, 3, 8, 8]
FILES = {"name": "images", "kind": "BYTES", "shape": [1]}
SHARED = {"parameters": {"shared_memory_region": {"string_param": "mine"}}}

BAD = [
    ({"inputs": []}, "UNKNOWN_TENSOR", "inputs"),
    ({"inputs": [*tensor()["inputs"], *tensor(**FILES)["inputs"]]}, "UNKNOWN_TENSOR", "inputs"),
    (tensor("pixels"), "UNKNOWN_TENSOR", "inputs[0].name"),
    (tensor(kind="INT8"), "BAD_TENSOR", "inputs[0].datatype"),
    (tensor(kind="BYTES"), "BAD_TENSOR", "inputs[0].datatype"),
    (tensor("images"), "BAD_TENSOR", "inputs[0].datatype"),
    (tensor(shape=[]), "BAD_TENSOR", "inputs[0].shape"),
    (tensor(shape=[3, 8, 8]), "BAD_TENSOR", "inputs[0].shape"),
    (tensor(shape=[1, 3, 8, 9]), "BAD_TENSOR", "inputs[0].shape"),
    (tensor("images", "BYTES", [1, 2]), "BAD_TENSOR", "inputs[0].shape"),
    (tensor("images", "BYTES", [0]), "FIELD_REQUIRED", "inputs[0]"),
    (tensor("images", "BYTES", [65]), "TOO_MANY_ITEMS", "inputs[0]"),
    (tensor(shape=[65, 3, 8, 8]), "TOO_MANY_ITEMS", "inputs[0]"),
    (tensor(shape=[2**62, 3, 8, 8]), "TOO_MANY_ITEMS", "inputs[0]"),
    (tensor("images", "BYTES", [-1]), "BAD_TENSOR", "raw_input_contents[0].shape"),
    (tensor("images", "BYTES", [2]), "BAD_TENSOR", "raw_input_contents[0]"),
    (tensor(shape=[2, 3, 8, 8]) | RAW, "BAD_TENSOR", "raw_input_contents[0]"),
    (tensor(**FILES) | {"raw_input_contents": ["/w=="]}, "BAD_TENSOR", "raw_input_contents[0]"),
    (tensor(**FILES, contents={"bytes_contents": ["AA=="]}), "BAD_TENSOR", "raw_input_contents"),
    (tensor(**FILES) | {"raw_input_contents": ["AA==", "AA=="]}, "BAD_TENSOR", "raw_input_contents"),
    (tensor(**FILES) | {"raw_input_contents": []}, "BAD_TENSOR", "inputs[0]"),
    (tensor() | {"raw_input_contents": []}, "BAD_TENSOR", "inputs[0].contents"),
    (tensor(**FILES, **SHARED), "BAD_TENSOR", "inputs[0].parameters[shared_memory_region]"),
    ({"outputs": [{"name": "embeddings"}, {"name": "logits"}]}, "UNKNOWN_TENSOR", "outputs[1].name"),
    (
        {"outputs": [{"name": "embeddings", "parameters": {"classification": {"int64_param": 3}}}]},
        "BAD_TENSOR",
        "outputs[0].parameters[classification]",
    ),
    ({"parameters": {"priority": {"string_param": "high"}}}, "BAD_TENSOR", "parameters[priority]"),
]


@pytest.mark.parametrize(("changes", "reason", "field"), BAD)
async def test_bad_tensors_are_told_by_reason_and_field(
    start: Any, pngs: list[bytes], changes: dict[str, Any], reason: str, field: str
) -> None:
    service = await start()
    error = await refusal(method(service, "ModelInfer")(asking(pngs[:1], **changes)))
    assert (type(error), error.reason, error.field) == (InvalidArgument, reason, field)
    assert service.encoder.entered == 0
    good = await method(service, "ModelInfer")(asking(pngs[:1]))
    assert good.outputs[0].shape == [1, 16]


@pytest.mark.parametrize("call", ["ModelInfer", "ModelMetadata"])
@pytest.mark.parametrize(("name", "version", "wrong"), [("huge", "", "name"), ("tiny", "1", "version")])
async def test_a_model_that_is_not_loaded(start: Any, call: str, name: str, version: str, wrong: str) -> None:
    service = await start()
    prefix = "model_" if call == "ModelInfer" else ""
    request = getattr(inference_pb2, f"{call}Request")(**{f"{prefix}name": name, f"{prefix}version": version})
    error = await refusal(method(service, call)(request))
    assert (type(error), error.reason) == (NotFound, "MODEL_NOT_FOUND")
    assert error.metadata == {"field": prefix + wrong, "value": version or name}


async def test_a_refused_image_has_its_own_reason(start: Any, pngs: list[bytes]) -> None:
    service = await start("--max-pixels", "63")
    error = await refusal(method(service, "ModelInfer")(asking(pngs[:2])))
    assert (type(error), error.reason) == (InvalidArgument, "TOO_MANY_PIXELS")
    assert error.metadata == {"field": "images[0]", "limit": "63", "value": "64"}


@pytest.mark.parametrize("kind", ["<f4", "<f2"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
async def test_inputs_must_be_finite(start: Any, pictures: Any, bad: float, kind: str) -> None:
    service = await start()
    batch = service.encoder.preprocessing.normalised(pictures[:3]).astype(kind)
    batch[1, 2, 3, 4] = bad
    error = await refusal(method(service, "ModelInfer")(of_inputs(batch)))
    assert (error.reason, error.field) == ("BAD_TENSOR", "raw_input_contents[0]")
    assert service.encoder.entered == 0


async def test_an_input_that_gives_no_vector(start: Any, pictures: Any) -> None:
    service = await start()
    batch = service.encoder.preprocessing.normalised(pictures[:3])
    batch[1] = 0
    error = await refusal(method(service, "ModelInfer")(of_inputs(batch)))
    assert (error.reason, error.field) == ("NOT_EMBEDDABLE", "image[1]")


async def test_typed_contents_are_answered_typed(start: Any, pngs: list[bytes]) -> None:
    service = await start()
    raw = await method(service, "ModelInfer")(asking(pngs[:3]))
    request = asking(pngs[:3], raw_input_contents=[])
    request.inputs[0].contents.bytes_contents.extend(pngs[:3])
    typed = await method(service, "ModelInfer")(request)
    assert not typed.raw_output_contents
    assert np.array(typed.outputs[0].contents.fp32_contents, "<f4").tobytes() == raw.raw_output_contents[0]


async def test_numbers_are_not_read_on_the_event_loop(
    start: Any, pictures: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message full of numbers that are not raw would hold everybody up."""
    threads: list[threading.Thread] = []

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return given(*arguments)

    monkeypatch.setattr(inference, "given", noted)
    service = await start()
    await method(service, "ModelInfer")(of_inputs(service.encoder.preprocessing.normalised(pictures[:2])))
    assert threads
    assert threading.current_thread() not in threads


async def test_the_queue_and_the_stop_refuse_as_ever(start: Any, pngs: list[bytes]) -> None:
    service = await start("--max-queue", "4", "--max-images", "4")
    service.encoder.gate.clear()
    infer = method(service, "ModelInfer")
    waiting = infer(asking(pngs[:4]))
    while not service.encoder.entered:
        await service.health()
    full = await refusal(infer(asking(pngs[4:5])))
    assert (type(full), full.reason) == (ResourceExhausted, "QUEUE_FULL")
    assert full.retry_after is not None
    service.encoder.gate.set()
    await waiting
    service.pipeline.drain()
    stopping = await refusal(infer(asking(pngs[:1])))
    assert (type(stopping), stopping.reason) == (Unavailable, "SHUTTING_DOWN")


async def test_health_and_what_is_not_spoken(start: Any) -> None:
    service = await start()
    assert await service.health(SERVICE) == health_pb2.HealthCheckResponse.SERVING
    config = service.channel.unary_unary(f"/{SERVICE}/ModelConfig")
    with pytest.raises(grpc.RpcError) as caught:
        await config(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
