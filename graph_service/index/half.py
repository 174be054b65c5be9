"""float16 vectors inside numba kernels.

numba knows no float16 on CPUs, so kernels take a matrix of it as its bits (uint16) and `widen` each number
in a register. Half the memory is half the traffic: where rows lie scattered, products of float16 rows take
no longer than those of float32 ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils as untyped_cgutils
from numba.extending import intrinsic

__all__ = [
    "AHEAD",
    "Bits",
    "Kept",
    "dot",
    "dot_with",
    "fetch",
    "fetch_line",
    "kernel",
    "lengths",
    "products",
    "widen_rows",
]

P = ParamSpec("P")
R = TypeVar("R")

Kept = npt.NDArray[np.float16]
Bits = npt.NDArray[np.uint16]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

cgutils: Any = untyped_cgutils


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a serial function that releases the GIL, so that `in_parts` can run it on all cores.

    Sums may be added in any order, which lets them be vectors. The machine code is cached.
    """
    fast = {"reassoc", "contract", "nsz"}  # not nnan and ninf: padding of lists is -inf
    compiled: Callable[P, R] = njit(nogil=True, cache=True, error_model="numpy", fastmath=fast)(function)
    return compiled


def _widen(_typing_context: Any, bits: Any, _row: Any, _column: Any) -> Any:
    def generate(context: Any, builder: Any, _call: Any, args: Any) -> Any:
        parts = context.make_array(bits)(context, builder, args[0])
        shape = cgutils.unpack_tuple(builder, parts.shape)
        strides = cgutils.unpack_tuple(builder, parts.strides)
        address = cgutils.get_item_pointer2(
            context, builder, parts.data, shape, strides, bits.layout, list(args[1:]), False, False
        )
        number = builder.load(builder.bitcast(address, ir.HalfType().as_pointer()), align=2)
        return builder.fpext(number, ir.FloatType())

    return types.float32(bits, types.intp, types.intp), generate


widen: Any = intrinsic(_widen)
"""`widen(bits, row, column)`: the float16 number whose bits stand there, as float32."""


def _fetch_line(_typing_context: Any, array: Any, _place: Any) -> Any:
    def generate(context: Any, builder: Any, _call: Any, args: Any) -> Any:
        parts = context.make_array(array)(context, builder, args[0])
        shape = cgutils.unpack_tuple(builder, parts.shape)
        strides = cgutils.unpack_tuple(builder, parts.strides)
        address = cgutils.get_item_pointer2(
            context, builder, parts.data, shape, strides, array.layout, [args[1]], False, False
        )
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        to_read, to_keep, data = number(0), number(3), number(1)
        builder.call(hint, [builder.bitcast(address, byte), to_read, to_keep, data])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


fetch_line: Any = intrinsic(_fetch_line)
"""`fetch_line(array, place)`: have the cache fetch what stands at a place of a vector, soon to be needed."""

_LINE = 32
"""Numbers of 16 bits in a line of a processor's cache."""
AHEAD = 6
"""How far ahead of its use to fetch what lies scattered."""


@kernel
def fetch(bits: Bits, row: int) -> None:
    """Have the cache fetch a row that will be needed soon."""
    for c in range(0, bits.shape[1], _LINE):
        fetch_line(bits[row], c)


@kernel
def dot(bits: Bits, i: int, j: int) -> np.float32:
    """Return the product of rows i and j."""
    total = np.float32(0)
    for c in range(bits.shape[1]):
        total += widen(bits, i, c) * widen(bits, j, c)
    return total


@kernel
def dot_with(vector: Float32, bits: Bits, j: int) -> np.float32:
    """Return the product of a float32 vector and row j."""
    total = np.float32(0)
    for c in range(bits.shape[1]):
        total += vector[c] * widen(bits, j, c)
    return total


@kernel
def lengths(bits: Bits) -> Float32:
    """Return the Euclidean length of each row, float32."""
    found = np.empty(len(bits), np.float32)
    for i in range(len(bits)):
        found[i] = np.sqrt(dot(bits, i, i))
    return found


@kernel
def widen_rows(bits: Bits, scales: Float32, rows: Int32, out: Float32) -> None:
    """Write the named rows, each times its scale, to `out`, float32 (len(rows), d)."""
    for p in range(len(rows)):
        i = rows[p]
        for c in range(bits.shape[1]):
            out[p, c] = widen(bits, i, c) * scales[i]


@kernel
def products(queries: Float32, bits: Bits, scales: Float32, start: int, stop: int, out: Float32) -> None:
    """Write the products of queries (m, d) and rows from `start` to `stop` - 1, each times its scale.

    They go to the same columns of `out`, float32 (m, n).
    """
    for j in range(start, stop):
        for q in range(len(queries)):
            out[q, j] = dot_with(queries[q], bits, j) * scales[j]
