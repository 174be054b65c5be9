"""Tensors: every array survives the wire, and nothing hostile gets past `unpack`."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vicinal.types.v1 import tensor_pb2
from vicinal.wire.errors import InvalidArgument
from vicinal.wire.tensors import pack, unpack

FLOAT32 = tensor_pb2.ELEMENT_TYPE_FLOAT32
SHAPES = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=9)
ARRAYS = st.sampled_from(["<f4", "<f2", "<i4", ">f4", ">f2", ">i4"]).flatmap(
    lambda dtype: hnp.arrays(dtype, SHAPES)
)


@given(ARRAYS, st.sampled_from(["C", "F"]), st.booleans())
def test_arrays_survive_the_wire(array, order, every_other):
    array = np.asarray(array, order=order)[:: 2 if every_other else 1]
    tensor = tensor_pb2.Tensor.FromString(pack(array).SerializeToString())
    back = unpack(tensor, "vectors")
    assert back.shape == array.shape
    assert back.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(back, array)  # NaN, infinity and −0 included


def test_elements_lie_row_major_and_little_endian():
    tensor = pack(np.asfortranarray(np.array([[1, 2], [3, 256]], dtype=">i4")))
    assert tensor.data == bytes.fromhex("01000000 02000000 03000000 00010000")
    assert list(tensor.shape) == [2, 2]


def test_an_unpacked_array_shares_the_message_and_cannot_be_written():
    back = unpack(pack(np.ones(3, np.float32)), "vectors")
    assert not back.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        back[0] = 2


@pytest.mark.parametrize("dtype", ["f8", "i8", "u4", "?", "O", "U3"])
def test_other_dtypes_are_not_packed(dtype):
    with pytest.raises(TypeError, match="float32, float16 or int32"):
        pack(np.zeros(2, dtype))


@pytest.mark.parametrize("shape", [(), (1, 1, 1)])
def test_other_axis_counts_are_not_packed(shape):
    with pytest.raises(ValueError, match="1 or 2 axes"):
        pack(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("element_type", "shape", "data", "field"),
    [
        (tensor_pb2.ELEMENT_TYPE_UNSPECIFIED, [1], bytes(4), "vectors.element_type"),
        (77, [1], bytes(4), "vectors.element_type"),
        (FLOAT32, [], b"", "vectors.shape"),
        (FLOAT32, [], bytes(4), "vectors.shape"),
        (FLOAT32, [1, 1, 1], bytes(4), "vectors.shape"),
        (FLOAT32, [1] * 100_000, bytes(4), "vectors.shape"),
        (FLOAT32, [-1], b"", "vectors.shape"),
        (FLOAT32, [-1, -1], bytes(4), "vectors.shape"),
        (FLOAT32, [0, 2**62], b"", "vectors.shape"),
        (FLOAT32, [2**31], b"", "vectors.shape"),
        (FLOAT32, [2**31 - 1, 2**31 - 1], b"", "vectors.data"),
        (FLOAT32, [2, 2], bytes(15), "vectors.data"),
        (FLOAT32, [2, 2], bytes(17), "vectors.data"),
        (FLOAT32, [0], bytes(4), "vectors.data"),
        (tensor_pb2.ELEMENT_TYPE_FLOAT16, [2], bytes(8), "vectors.data"),
    ],
)
def test_a_hostile_tensor_is_refused_by_field(element_type, shape, data, field):
    tensor = tensor_pb2.Tensor(element_type=element_type, shape=shape, data=data)
    with pytest.raises(InvalidArgument) as refusal:
        unpack(tensor, "vectors")
    assert refusal.value.reason == "BAD_TENSOR"
    assert set(refusal.value.metadata) == {"field", "expected", "value"}
    assert refusal.value.field == field
    assert len(refusal.value.message) < 200


@given(
    st.integers(0, 4),
    st.lists(st.one_of(st.integers(-2, 4), st.integers(-(2**63), 2**63 - 1)), max_size=3),
    st.binary(max_size=80),
)
def test_unpack_answers_or_refuses_and_nothing_else(element_type, shape, data):
    tensor = tensor_pb2.Tensor(element_type=element_type, shape=shape, data=data)
    try:
        array = unpack(tensor, "vectors")
    except InvalidArgument:
        return
    assert array.shape == tuple(shape)
    assert array.tobytes() == data
