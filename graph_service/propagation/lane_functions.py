"""Exponentials and logarithms of vectors in registers, and blocks of rows of them, inside numba kernels.

LLVM alone would call the C library once a number. These polynomials (Moshier's Cephes library) err by some
units in the last place of float32. As in `lanes`, nothing checks bounds.
"""

# ruff: noqa: ARG001 (numba prescribes the parameters)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types

from graph_service.propagation.lanes import compiled

__all__ = ["exp_of", "greatest", "log_of"]

_INT = ir.IntType(32)
_LEAST = -80.0
"""What is below counts as this, so that shares of sums are normal numbers: others take many times longer."""
_LOG2_E = 1.44269504088896341
_LN2 = 0.693359375, -2.12194440e-4
"""ln 2 in two parts, of which the first times a small whole number is exact."""
_EXP = 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1
_LOG = (
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_ROOT_HALF = 0x3F3504F3
"""√½ as the bits of a float32."""


class _Math:
    """Writes arithmetic of vectors of one size."""

    def __init__(self, builder: Any, size: int) -> None:
        self.builder = builder
        self.size = size
        self.floats = ir.VectorType(ir.FloatType(), size)
        self.ints = ir.VectorType(_INT, size)

    def all(self, number: float) -> Any:
        """A constant in every place."""
        kind, literal = (_INT, number) if isinstance(number, int) else (ir.FloatType(), float(number))
        return ir.Constant(ir.VectorType(kind, self.size), [ir.Constant(kind, literal)] * self.size)

    def splat(self, scalar: Any) -> Any:
        """A number that is known as the program runs, in every place."""
        undefined = ir.Constant(self.floats, ir.Undefined)
        single = self.builder.insert_element(undefined, scalar, ir.Constant(_INT, 0))
        return self.builder.shuffle_vector(single, undefined, ir.Constant(self.ints, None))

    def call(self, name: str, *args: Any) -> Any:
        """An LLVM intrinsic of vectors, as llvm.rint."""
        kind = ir.FunctionType(self.floats, [self.floats] * len(args))
        name = f"llvm.{name}.v{self.size}f32"
        return self.builder.call(
            self.builder.module.declare_intrinsic(name, (), kind), args, fastmath=("nnan",)
        )

    def polynomial(self, coefficients: Sequence[float], x: Any) -> Any:
        """Horner's scheme, the leading coefficient first."""
        value = self.all(coefficients[0])
        for coefficient in coefficients[1:]:
            value = self.call("fmuladd", value, x, self.all(coefficient))
        return value

    def exp(self, x: Any) -> Any:
        """Powers of e: of 2, and of a rest between ±ln(2) / 2."""
        build = self.builder
        x = self.call("maxnum", x, self.all(_LEAST))
        whole = self.call("rint", build.fmul(x, self.all(_LOG2_E)))
        for part in _LN2:
            x = self.call("fmuladd", whole, self.all(-part), x)
        tail = self.call("fmuladd", self.polynomial(_EXP, x), build.fmul(x, x), x)
        exponent = build.add(build.fptosi(whole, self.ints), self.all(127))
        power = build.bitcast(build.shl(exponent, self.all(23)), self.floats)
        return build.fmul(build.fadd(tail, self.all(1.0)), power)

    def log(self, x: Any) -> Any:
        """Logarithms: those of a power of 2, and of a rest between √½ and √2."""
        build = self.builder
        bits = build.bitcast(x, self.ints)
        exponent = build.ashr(build.sub(bits, self.all(_ROOT_HALF)), self.all(23))
        mantissa = build.bitcast(build.sub(bits, build.shl(exponent, self.all(23))), self.floats)
        whole, f = build.sitofp(exponent, self.floats), build.fsub(mantissa, self.all(1.0))
        square = build.fmul(f, f)
        tail = build.fmul(build.fmul(self.polynomial(_LOG, f), f), square)
        tail = self.call("fmuladd", whole, self.all(_LN2[1]), tail)
        tail = self.call("fmuladd", square, self.all(-0.5), tail)
        return self.call("fmuladd", whole, self.all(_LN2[0]), build.fadd(f, tail))


@compiled
def greatest(typing_context: Any, vector: Any) -> Any:
    """Return the greatest number of a vector, float32."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.FloatType(), [vector.ir])
        name = f"llvm.vector.reduce.fmax.v{vector.size}f32"
        return builder.call(builder.module.declare_intrinsic(name, (), kind), args, fastmath=("nnan",))

    return types.float32(vector), generate


@compiled
def exp_of(typing_context: Any, vector: Any, shift: Any) -> Any:
    """Return exp(vector - shift) for a float32 `shift`; exp(-80) where less. The difference is at most 88."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        write = _Math(builder, vector.size)
        return write.exp(builder.fsub(args[0], write.splat(args[1])))

    return vector(vector, types.float32), generate


@compiled
def log_of(typing_context: Any, vector: Any, shift: Any) -> Any:
    """Return log(vector + shift) for a float32 `shift`, of sums that are normal numbers above 0."""

    def generate(context: Any, builder: Any, call: Any, args: Any) -> Any:
        write = _Math(builder, vector.size)
        return write.log(builder.fadd(args[0], write.splat(args[1])))

    return vector(vector, types.float32), generate
