"""Rows of scores in vector registers, inside numba kernels.

Left to a plain loop over classes, a kernel takes each row's sum through memory for every neighbour.
Vectors of 16 to 128 classes keep it in registers, of which LLVM takes as many as the CPU needs: measured
2 to 4 times less CPU. The vectors exist in compiled code only, and nothing checks their bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped_cgutils
from numba.extending import intrinsic, models, register_model

__all__ = [
    "SIZES",
    "Vector",
    "add_rows",
    "add_scaled",
    "address_of",
    "aligned",
    "apart",
    "compiled",
    "fused",
    "lane_rows",
    "load",
    "reaches",
    "store",
    "total",
    "zeros",
]

SIZES = 128, 64, 32, 16
"""Lengths of vectors that a row is cut into, greatest first."""

cgutils: Any = untyped_cgutils

_LINE = 64
"""Bytes of a cache line."""
_HUGE = 2 << 20
"""Bytes of a huge page, of which numpy lets arrays of 4 MiB or more consist where they cover one."""


def lane_rows(rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Return float32 zeros, (rows, `columns` rounded up to whole vectors), rows beginning a cache line.

    A row that straddles a line more than it must costs a cache miss more at every visit. Beyond 64 columns
    the width is a multiple of 32, as a longer row costs less than another pass over the neighbours.
    """
    unit = SIZES[-1] if columns <= SIZES[1] else SIZES[-2]
    return aligned(rows, -(-max(columns, 1) // unit) * unit)


def aligned(rows: int, columns: int) -> npt.NDArray[np.float32]:
    """Return float32 zeros, (rows, columns), that begin a cache line; of 2 MiB or more, a huge page.

    The first touch of a page takes as long as a hundred rows, and large arrays are new memory each time.
    """
    size = rows * columns * 4
    page = _HUGE if size >= _HUGE else _LINE
    raw = np.zeros(max(-(-size // page) * page + page, 2 * page), np.uint8)
    start = -raw.ctypes.data % page
    return raw[start : start + size].view(np.float32).reshape(rows, columns)


class Vector(types.Type):
    """The numba type of `size` float32 in registers."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.ir = ir.VectorType(ir.FloatType(), size)
        super().__init__(name=f"Vector({size})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Vector) -> None:
        super().__init__(manager, fe_type, fe_type.ir)  # type: ignore[no-untyped-call]


def address_of(context: Any, builder: Any, kind: Any, array: Any, place: list[Any], vector: Vector) -> Any:
    """Return the address of `array[place]` as that of a vector."""
    parts = context.make_array(kind)(context, builder, array)
    shape = cgutils.unpack_tuple(builder, parts.shape)
    strides = cgutils.unpack_tuple(builder, parts.strides)
    address = cgutils.get_item_pointer2(
        context, builder, parts.data, shape, strides, kind.layout, place, False, False
    )
    return builder.bitcast(address, vector.ir.as_pointer())


def _call_llvm(builder: Any, name: str, result: Any, args: list[Any], **flags: Any) -> Any:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args, **flags)


def _everywhere(builder: Any, vector: Vector, number: Any) -> Any:
    """Return a vector that is `number` in every place."""
    undefined = ir.Constant(vector.ir, ir.Undefined)
    single = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    first = ir.Constant(ir.VectorType(ir.IntType(32), vector.size), None)
    return builder.shuffle_vector(single, undefined, first)


def fused(builder: Any, vector: Vector, addend: Any, weight: Any, row: Any) -> Any:
    """Return `addend + weight * row`, where `weight` is a number."""
    weights = _everywhere(builder, vector, weight)
    return _call_llvm(builder, f"llvm.fmuladd.v{vector.size}f32", vector.ir, [weights, row, addend])


def compiled(function: Callable[..., Any]) -> Any:
    """Make `function` an intrinsic to which an integer constant comes as a literal."""
    return intrinsic(prefer_literal=True)(function)


@compiled
def zeros(typing_context: Any, size: Any) -> Any:
    """Return a vector of zeros; `size` is a constant, one of `SIZES`."""
    vector = Vector(size.literal_value)

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        return ir.Constant(vector.ir, None)

    return vector(size), generate


@compiled
def load(typing_context: Any, array: Any, row: Any, column: Any, size: Any) -> Any:
    """Return `array[row, column : column + size]` of a float32 array that `lane_rows` made."""
    vector = Vector(size.literal_value)

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        address = address_of(context, builder, array, args[0], list(args[1:3]), vector)
        return builder.load(address, align=_LINE)

    return vector(array, types.intp, types.intp, size), generate


@compiled
def store(typing_context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """Write a vector to `array[row, column : column + size]`; `array` as in `load`."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        address = address_of(context, builder, array, args[0], list(args[1:3]), vector)
        builder.store(args[3], address, align=_LINE)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), generate


@compiled
def add_scaled(typing_context: Any, vector: Any, weight: Any, other: Any) -> Any:
    """Return `vector + weight * other` for a float32 weight, fused where the CPU can."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        return fused(builder, vector, *args)

    return vector(vector, types.float32, vector), generate


@compiled
def add_rows(
    typing_context: Any,
    vector: Any,
    weights: Any,
    indices: Any,
    first: Any,
    rows: Any,
    column: Any,
    count: Any,
) -> Any:
    """Return `vector` plus the rows `indices[p]`, times `weights[p]`, for first <= p < first + count.

    `count` is a constant. Written out so, and without numba's check of each index for being negative, it
    takes half of what a loop over `load` and `add_scaled` does. `weights` and `indices` are contiguous,
    float32 and int32; `rows` as in `load`.
    """
    if (weights.dtype, indices.dtype) != (types.float32, types.int32):
        return None  # numba then says that the call has no such signature

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        sums = [args[0], ir.Constant(vector.ir, None)]  # two, which do not wait for each other
        weight_at, index_at = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in ((weights, args[1]), (indices, args[2]))
        )
        for offset in range(count.literal_value):
            place = builder.add(args[3], ir.Constant(args[3].type, offset))
            index = builder.sext(builder.load(builder.gep(index_at, [place])), ir.IntType(64))
            address = address_of(context, builder, rows, args[4], [index, args[5]], vector)
            row = builder.load(address, align=_LINE)
            weight = builder.load(builder.gep(weight_at, [place]))
            sums[offset % 2] = fused(builder, vector, sums[offset % 2], weight, row)
        return builder.fadd(*sums)

    return vector(vector, weights, indices, types.intp, rows, types.intp, count), generate


@compiled
def total(typing_context: Any, vector: Any) -> Any:
    """Return the sum of a vector as float32, added in any order."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        start = ir.Constant(ir.FloatType(), -0.0)
        name = f"llvm.vector.reduce.fadd.v{vector.size}f32"
        return _call_llvm(builder, name, ir.FloatType(), [start, args[0]], fastmath=("reassoc",))

    return types.float32(vector), generate


@compiled
def reaches(typing_context: Any, vector: Any, least: Any) -> Any:
    """Return whether any number of a vector is at least `least`, which is rounded to float32."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        bits = ir.VectorType(ir.IntType(1), vector.size)
        enough = builder.fcmp_ordered(">=", args[0], _everywhere(builder, vector, args[1]))
        return _call_llvm(builder, f"llvm.vector.reduce.or.v{vector.size}i1", bits.element, [enough])

    return types.boolean(vector, types.float32), generate


@compiled
def apart(typing_context: Any, vector: Any, other: Any) -> Any:
    """Return the sum of |vector - other| as float32, added in any order."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        difference = builder.fsub(args[0], args[1])
        absolute = _call_llvm(builder, f"llvm.fabs.v{vector.size}f32", vector.ir, [difference])
        start = ir.Constant(ir.FloatType(), -0.0)
        name = f"llvm.vector.reduce.fadd.v{vector.size}f32"
        return _call_llvm(builder, name, ir.FloatType(), [start, absolute], fastmath=("reassoc",))

    return types.float32(vector, vector), generate
