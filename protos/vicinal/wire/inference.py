"""Tensors of the Open Inference Protocol <-> numpy arrays and lists of bytes.

A tensor's elements stand in one of two places: in a list of its own (`contents`), or raw, outside of the
tensor, where the message has one entry for each tensor. What a raw tensor looks like is said in
vicinal/inference/v2/inference.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from vicinal.inference.v2 import inference_pb2
from vicinal.wire.errors import InvalidArgument

__all__ = [
    "BYTES",
    "FLOATS",
    "SERVICE",
    "UINT8",
    "Tensor",
    "bad_tensor",
    "pack_strings",
    "unpack_floats",
    "unpack_strings",
]

SERVICE = "inference.GRPCInferenceService"
"""The service's name on the wire, which is not that of the contract's file."""

BYTES = "BYTES"
UINT8 = "UINT8"
FLOATS: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype("<f4"),
    "FP16": np.dtype("<f2"),
    "FP64": np.dtype("<f8"),
}
"""Datatypes of floating-point numbers."""

Tensor = inference_pb2.ModelInferRequest.InferInputTensor | inference_pb2.ModelInferResponse.InferOutputTensor

_LENGTH_BYTES = 4


def pack_strings(items: Iterable[bytes]) -> bytes:
    """Return `items`, each shorter than 4 GiB, as the raw content of a BYTES tensor."""
    return b"".join(part for item in items for part in (len(item).to_bytes(_LENGTH_BYTES, "little"), item))


def unpack_strings(tensor: Tensor, raw: bytes | None, field: str) -> list[bytes]:
    """Return the elements of a BYTES tensor, row-major.

    Args:
        tensor: of datatype BYTES.
        raw: its raw content, or None when `tensor.contents` holds it.
        field: path of the tensor.

    Raises:
        InvalidArgument: BAD_TENSOR when its shape and content do not agree.
    """
    count = _count(tensor, field)
    items = list(tensor.contents.bytes_contents) if raw is None else _split(raw, field)
    if len(items) != count:
        raise bad_tensor(field, f"{count} elements, as its shape {list(tensor.shape)} says", len(items))
    return items


def unpack_floats(tensor: Tensor, raw: bytes | None, field: str) -> npt.NDArray[Any]:
    """Return the elements of a tensor of one of `FLOATS`, in its shape; read-only and no copy when raw.

    Args:
        tensor: of a datatype in `FLOATS`.
        raw: its raw content, or None when `tensor.contents` holds it.
        field: path of the tensor.

    Raises:
        InvalidArgument: BAD_TENSOR when its datatype, shape and content do not agree.
    """
    count, dtype = _count(tensor, field), FLOATS[tensor.datatype]
    if raw is None:
        wide = tensor.datatype == "FP64"
        numbers = tensor.contents.fp64_contents if wide else tensor.contents.fp32_contents
        if len(numbers) != count or dtype.itemsize < FLOATS["FP32"].itemsize:
            expected = f"{count} elements, as its shape {list(tensor.shape)} says (FP16 is always raw)"
            raise bad_tensor(f"{field}.contents", expected, len(numbers))
        return np.fromiter(numbers, dtype, count).reshape(tensor.shape)
    if len(raw) != count * dtype.itemsize:
        expected = f"{count * dtype.itemsize} bytes for {tensor.datatype} {list(tensor.shape)}"
        raise bad_tensor(field, expected, f"{len(raw)} bytes")
    return np.frombuffer(raw, dtype).reshape(tensor.shape)


def bad_tensor(field: str, expected: str, value: object) -> InvalidArgument:
    """Return the refusal of a tensor that is not as `expected`."""
    message = f"{field} is {value}, expected {expected}"
    return InvalidArgument("BAD_TENSOR", message, field=field, expected=expected, value=value)


def _count(tensor: Tensor, field: str) -> int:
    if not tensor.shape or min(tensor.shape) < 0:
        raise bad_tensor(f"{field}.shape", "at least one axis, each at least 0", list(tensor.shape[:8]))
    return math.prod(tensor.shape)


def _split(raw: bytes, field: str) -> list[bytes]:
    items: list[bytes] = []
    place = 0
    while place < len(raw):
        start = place + _LENGTH_BYTES
        place = start + int.from_bytes(raw[place:start], "little")
        if start > len(raw) or place > len(raw):
            raise bad_tensor(field, f"{place} bytes, as the length of element {len(items)} says", len(raw))
        items.append(raw[start:place])
    return items
