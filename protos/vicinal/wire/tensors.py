"""numpy arrays <-> vicinal.types.v1.Tensor: packed, little-endian, row-major."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal.types.v1 import tensor_pb2
from vicinal.wire.errors import InvalidArgument

__all__ = ["pack", "unpack"]

_TYPES: dict[tensor_pb2.ElementType.ValueType, np.dtype[Any]] = {
    tensor_pb2.ELEMENT_TYPE_FLOAT32: np.dtype("<f4"),
    tensor_pb2.ELEMENT_TYPE_FLOAT16: np.dtype("<f2"),
    tensor_pb2.ELEMENT_TYPE_INT32: np.dtype("<i4"),
}
_AXIS_MAX = 2**31 - 1
_ENUMS = {dtype: enum for enum, dtype in _TYPES.items()}


def pack(array: npt.NDArray[Any]) -> tensor_pb2.Tensor:
    """Return `array` (float32, float16 or int32, 1 or 2 axes) as a Tensor.

    Raises:
        TypeError: another dtype; convert first, so that no precision is lost unseen.
        ValueError: another number of axes.
    """
    little = array.dtype.newbyteorder("<")
    if little not in _ENUMS:
        raise TypeError(f"a Tensor holds float32, float16 or int32, not {array.dtype}")
    if not 1 <= array.ndim <= 2:
        raise ValueError(f"a Tensor has 1 or 2 axes, not {array.ndim}")
    data = np.ascontiguousarray(array, dtype=little).tobytes()
    return tensor_pb2.Tensor(element_type=_ENUMS[little], shape=array.shape, data=data)


def unpack(tensor: tensor_pb2.Tensor, field: str) -> npt.NDArray[Any]:
    """Return the array that `tensor` holds, read-only and without a copy.

    Raises:
        InvalidArgument: BAD_TENSOR when its dtype, shape and byte count do not agree; `field` is its path.
    """
    dtype = _TYPES.get(tensor.element_type)
    if dtype is None:
        known = ", ".join(tensor_pb2.ElementType.Name(enum) for enum in _TYPES)
        raise _bad(f"{field}.element_type", known, tensor.element_type)
    shape = tuple(tensor.shape)
    if not 1 <= len(shape) <= 2 or not all(0 <= axis <= _AXIS_MAX for axis in shape):
        raise _bad(f"{field}.shape", f"1 or 2 axes, each 0 to {_AXIS_MAX}", list(shape[:3]))
    expected = math.prod(shape) * dtype.itemsize
    if len(tensor.data) != expected:
        raise _bad(f"{field}.data", f"{expected} bytes", f"{len(tensor.data)} bytes")
    return np.frombuffer(tensor.data, dtype=dtype).reshape(shape)


def _bad(field: str, expected: str, value: object) -> InvalidArgument:
    message = f"{field} is {value}, expected {expected}"
    return InvalidArgument("BAD_TENSOR", message, field=field, expected=expected, value=value)
