"""Eight rows of sixteen numbers in vector registers, inside numba kernels: what dense products are made of.

A row of sixteen numbers, once loaded, meets eight numbers of the other matrix. Where a matrix has few
columns OpenBLAS takes several times as long, on two cores more than on one. As in `lanes`, nothing checks
bounds.
"""

# ruff: noqa: ARG001 (numba prescribes the parameters)

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from graph_service.propagation.lanes import Vector, address_of, compiled, fused

__all__ = ["HEIGHT", "WIDTH", "add_folded", "add_outer", "load_rows", "repeated", "store_rows"]

HEIGHT, WIDTH = 8, 16

_INT = ir.IntType(32)
_ROW, _BLOCK = Vector(WIDTH), Vector(HEIGHT * WIDTH)


def _places(start: int, stop: int) -> Any:
    kind = ir.VectorType(_INT, stop - start)
    return ir.Constant(kind, [ir.Constant(_INT, place) for place in range(start, stop)])


def _split(builder: Any, block: Any) -> list[Any]:
    starts = range(0, HEIGHT * WIDTH, WIDTH)
    return [builder.shuffle_vector(block, block, _places(start, start + WIDTH)) for start in starts]


def _joined(builder: Any, rows: list[Any]) -> Any:
    while len(rows) > 1:
        places = _places(0, 2 * rows[0].type.count)
        pairs = zip(rows[::2], rows[1::2], strict=True)
        rows = [builder.shuffle_vector(one, other, places) for one, other in pairs]
    return rows[0]


def _addresses(context: Any, builder: Any, kind: Any, array: Any, first: Any, column: Any) -> list[Any]:
    """Return where the rows of `array[first : first + 8, column:]` begin."""
    rows = [builder.add(first, ir.Constant(first.type, offset)) for offset in range(HEIGHT)]
    return [address_of(context, builder, kind, array, [row, column], _ROW) for row in rows]


def _numbers(context: Any, builder: Any, kind: Any, array: Any, first: Any, column: Any) -> list[Any]:
    """Return `array[first : first + 8, column]`."""
    addresses = _addresses(context, builder, kind, array, first, column)
    return [builder.load(builder.bitcast(each, ir.FloatType().as_pointer())) for each in addresses]


@compiled
def repeated(typing_context: Any, row: Any) -> Any:
    """Return a block of eight times the same row."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        return _joined(builder, [args[0]] * HEIGHT)

    return _BLOCK(_ROW), generate


@compiled
def add_outer(typing_context: Any, block: Any, array: Any, first: Any, column: Any, row: Any) -> Any:
    """Return `block` plus the outer product of `array[first : first + 8, column]`, float32, and `row`."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        numbers = _numbers(context, builder, array, *args[1:4])
        pairs = zip(_split(builder, args[0]), numbers, strict=True)
        return _joined(builder, [fused(builder, _ROW, sums, number, args[4]) for sums, number in pairs])

    return _BLOCK(_BLOCK, array, types.intp, types.intp, _ROW), generate


@compiled
def add_folded(typing_context: Any, row: Any, array: Any, first: Any, column: Any, block: Any) -> Any:
    """Return `row` plus the eight rows of `block`, each times one of `array[first : first + 8, column]`."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        numbers = _numbers(context, builder, array, *args[1:4])
        sums = [args[0], ir.Constant(_ROW.ir, None)]  # two, which do not wait for each other
        for place, (number, other) in enumerate(zip(numbers, _split(builder, args[4]), strict=True)):
            sums[place % 2] = fused(builder, _ROW, sums[place % 2], number, other)
        return builder.fadd(*sums)

    return _ROW(_ROW, array, types.intp, types.intp, _BLOCK), generate


@compiled
def load_rows(typing_context: Any, array: Any, first: Any, column: Any) -> Any:
    """Return `array[first : first + 8, column : column + 16]` of an array that `lane_rows` made."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        addresses = _addresses(context, builder, array, *args)
        return _joined(builder, [builder.load(each, align=4 * WIDTH) for each in addresses])

    return _BLOCK(array, types.intp, types.intp), generate


@compiled
def store_rows(typing_context: Any, array: Any, first: Any, column: Any, block: Any) -> Any:
    """Write a block to `array[first : first + 8, column : column + 16]`; `array` as in `load_rows`."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        addresses = _addresses(context, builder, array, *args[:3])
        for address, row in zip(addresses, _split(builder, args[3]), strict=True):
            builder.store(row, address, align=4 * WIDTH)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, _BLOCK), generate
