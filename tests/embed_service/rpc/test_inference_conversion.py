"""Whatever a request holds is read as the protocol means it, or refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embed_service.batching.turns import Priority
from embed_service.rpc import inference_conversion as conversion
from vicinal.inference.v2 import inference_pb2
from vicinal.wire.errors import InvalidArgument
from vicinal.wire.inference import pack_strings

Request = inference_pb2.ModelInferRequest


def encoder(input_name: str = "image", kind: type = np.float32) -> Any:
    return SimpleNamespace(input_name=input_name, input_shape=(3, 2, 2), input_type=np.dtype(kind))


ENCODER = encoder()
MOST = 3

axes = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 4, 12, 2**31, 2**63 - 1])
floats = st.sampled_from([[], [0.5] * 12, [0.5] * 24, [float("nan")] * 12])
strings = st.lists(st.binary(max_size=5), max_size=4)


@st.composite
def requests(draw: Any) -> Request:
    """A good request, or one that is odd in some places."""

    def odd() -> bool:
        return draw(st.integers(0, 9)) == 0

    request = Request()
    for _ in range(draw(st.integers(0, 3)) if odd() else 1):
        kind = draw(st.sampled_from(["BYTES", "FP32", "FP16"]))
        count = draw(st.integers(0, MOST + 1))
        shape = [count] if kind == "BYTES" else [count, 3, 2, 2]
        tensor = request.inputs.add(name="images" if kind == "BYTES" else "image", datatype=kind, shape=shape)
        if odd():
            tensor.name = draw(st.sampled_from(["images", "image", "pixels", ""]))
        if odd():
            tensor.datatype = draw(st.sampled_from(["BYTES", "FP32", "FP64", "UINT8", ""]))
        if odd():
            tensor.shape[:] = draw(st.lists(axes, max_size=5))
        if draw(st.booleans()):
            files = draw(st.lists(st.binary(max_size=5), min_size=count, max_size=count))
            width = {"FP32": 4, "FP16": 2}.get(kind, 0)
            raw = pack_strings(files) if kind == "BYTES" else bytes(12 * count * width)
            request.raw_input_contents.append(draw(st.binary(max_size=99)) if odd() else raw)
        if not request.raw_input_contents or odd():
            tensor.contents.bytes_contents.extend(draw(strings) if odd() else [b"file"] * count)
            tensor.contents.fp32_contents.extend(draw(floats) if odd() else [0.5] * 12 * count)
    return request


@given(requests())
def test_a_request_is_read_or_refused(request: Request) -> None:
    try:
        content = conversion.given(request, ENCODER, MOST)
    except InvalidArgument as refused:
        reason = refused.reason
    else:
        (tensor,) = request.inputs
        assert 1 <= len(content) == tensor.shape[0] <= MOST
        if tensor.datatype == "BYTES":
            assert all(isinstance(image, bytes) for image in content)
        else:
            assert content.shape == (len(content), *ENCODER.input_shape)
            assert np.isfinite(content).all()
            assert content.dtype == ENCODER.input_type
        return
    assert reason in {"UNKNOWN_TENSOR", "BAD_TENSOR", "FIELD_REQUIRED", "TOO_MANY_ITEMS"}


@pytest.mark.parametrize(
    ("parameter", "priority"),
    [
        ({}, Priority.BULK),
        ({"uint64_param": 0}, Priority.BULK),
        ({"uint64_param": 1}, Priority.INTERACTIVE),
        ({"int64_param": 1}, Priority.INTERACTIVE),
        ({"uint64_param": 2}, Priority.BULK),
        ({"uint64_param": 2**64 - 1}, Priority.BULK),
    ],
)
def test_priorities_are_as_triton_has_them(parameter: dict[str, int], priority: Priority) -> None:
    request = Request(parameters={"priority": inference_pb2.InferParameter(**parameter)} if parameter else {})
    assert conversion.priority_of(request, Priority.BULK) == priority


def test_an_input_named_images_is_told_apart_by_its_datatype() -> None:
    named = encoder("images")
    floats = Request(raw_input_contents=[bytes(48)])
    floats.inputs.add(name="images", datatype="FP32", shape=[1, 3, 2, 2])
    assert conversion.given(floats, named, MOST).shape == (1, 3, 2, 2)
    files = Request(raw_input_contents=[pack_strings([b"file"])])
    files.inputs.add(name="images", datatype="BYTES", shape=[1])
    assert conversion.given(files, named, MOST) == [b"file"]


def test_numbers_that_the_encoder_cannot_hold_are_refused() -> None:
    half = encoder(kind=np.float16)
    batch = np.full((2, 3, 2, 2), 6e4, np.float32)
    request = Request(raw_input_contents=[batch.tobytes()])
    request.inputs.add(name="image", datatype="FP32", shape=batch.shape)
    np.testing.assert_array_equal(conversion.given(request, half, MOST), batch.astype(np.float16))
    batch[1, 2, 0, 1] = 7e4
    request.raw_input_contents[0] = batch.tobytes()
    np.testing.assert_array_equal(conversion.given(request, ENCODER, MOST), batch)
    with pytest.raises(InvalidArgument, match="expected numbers that are finite in float16"):
        conversion.given(request, half, MOST)
