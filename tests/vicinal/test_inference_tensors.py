"""Tensors of the Open Inference Protocol: as Triton's client writes and reads them, and nothing else."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tritonclient.grpc import service_pb2
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from vicinal.inference.v2 import inference_pb2
from vicinal.wire.errors import InvalidArgument
from vicinal.wire.inference import FLOATS, pack_strings, unpack_floats, unpack_strings

Input = inference_pb2.ModelInferRequest.InferInputTensor
Contents = inference_pb2.InferTensorContents


def test_our_messages_are_the_protocols_on_the_wire() -> None:
    """Every message and field of ours is in Triton's contract with the same number, type and cardinality.

    But for `properties`, which the protocol has and Triton has not.
    """

    def compare(ours: Any, theirs: Any) -> None:
        for field in ours.fields:
            if field.full_name.endswith("ModelMetadataResponse.properties"):
                continue
            other = theirs.fields_by_number[field.number]
            assert field.name == other.name
            assert (field.type, field.is_repeated) == (other.type, other.is_repeated), field.full_name
        for nested in ours.nested_types:
            if nested.name in theirs.nested_types_by_name:
                compare(nested, theirs.nested_types_by_name[nested.name])

    for name, message in inference_pb2.DESCRIPTOR.message_types_by_name.items():
        compare(message, service_pb2.DESCRIPTOR.message_types_by_name[name])
    (service,) = service_pb2.DESCRIPTOR.services_by_name.values()
    for method in inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods:
        other = service.methods_by_name[method.name]
        assert (method.input_type.name, method.output_type.name) == (
            other.input_type.name,
            other.output_type.name,
        )
        assert method.server_streaming == other.server_streaming


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=9))
def test_strings_are_as_tritons_client_has_them(items: list[bytes]) -> None:
    array = np.empty(len(items), dtype=np.object_)
    array[:] = items
    raw = pack_strings(items)
    assert raw == serialize_byte_tensor(array).item()
    assert deserialize_bytes_tensor(raw).tolist() == items
    tensor = Input(datatype="BYTES", shape=[len(items), 1])
    assert unpack_strings(tensor, raw, "inputs[0]") == items
    tensor.contents.bytes_contents.extend(items)
    assert unpack_strings(tensor, None, "inputs[0]") == items


@given(raw=st.binary(max_size=60), count=st.integers(-1, 5))
def test_any_bytes_are_strings_or_refused(raw: bytes, count: int) -> None:
    refused = None
    try:
        items = unpack_strings(Input(datatype="BYTES", shape=[count]), raw, "inputs[0]")
        assert len(items) == count
        assert pack_strings(items) == raw
    except InvalidArgument as error:
        refused = error
    if refused is not None:
        assert refused.reason == "BAD_TENSOR"
        assert refused.metadata.keys() == {"field", "expected", "value"}


def test_a_length_beyond_the_end_takes_no_memory() -> None:
    with pytest.raises(InvalidArgument, match="length of element 0"):
        unpack_strings(Input(shape=[1]), struct.pack("<I", 2**32 - 1) + b"short", "inputs[0]")


@pytest.mark.parametrize("kind", FLOATS)
@given(data=st.data())
def test_floats_come_back(kind: str, data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(max_dims=4, max_side=4, min_side=0))
    array = data.draw(hnp.arrays(FLOATS[kind], shape))
    tensor = Input(datatype=kind, shape=shape)
    np.testing.assert_array_equal(unpack_floats(tensor, array.tobytes(), "x"), array)
    for wrong in (array.tobytes() + b"0", array.tobytes()[:-1] + b"00" * (not array.size)):
        with pytest.raises(InvalidArgument, match="bytes"):
            unpack_floats(tensor, wrong, "x")
    if kind == "FP16":
        with pytest.raises(InvalidArgument, match="FP16 is always raw"):
            unpack_floats(tensor, None, "x")
        return
    contents = {"FP32": "fp32_contents", "FP64": "fp64_contents"}[kind]
    tensor.contents.CopyFrom(Contents(**{contents: array.ravel().tolist()}))
    np.testing.assert_array_equal(unpack_floats(tensor, None, "x"), array)


@pytest.mark.parametrize("shape", [[], [-1, 4], [2**62, 2**62]])
def test_impossible_shapes_are_refused(shape: list[int]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        unpack_floats(Input(datatype="FP32", shape=shape), bytes(16), "inputs[0]")
    assert caught.value.reason == "BAD_TENSOR"
