"""float32 → int8, calibrated, for CPUs.

Only the products with weights are rounded (nine tenths of a transformer's work, nearly all of its size): the
attention's own products, softmax, LayerNorm, GELU and the sums stay float32. Activations are unsigned, with
one range a tensor from calibration; weights are signed, with a scale for each output (`channel_scales`: no
CPU saturates). Ranges are fixed in the file, so a vector does not depend on what else is in its batch.

A range that must span a few huge values would leave nothing of the others. LayerNorm's channels are evened
out (`smoothed`); a product whose input is still too coarse in 8 bits stays float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from embed_service.training.export.observation import Batch, Spread, observed
from embed_service.training.export.scales import channel_scales
from embed_service.training.export.smoothing import smoothed

__all__ = ["Quantised", "quantised"]

_STEPS = 255
_ORDINARY = 0.95
"""The share of channels that a few huge ones must leave visible."""

LEAST_RATIO = 100.0
"""Least power of an input over that of its rounding error (20 dB) at which its product is rounded."""


class Quantised(NamedTuple):
    """A graph with 8-bit products, in the quantise-dequantise form that ONNX Runtime fuses.

    Attributes:
        model: the graph.
        products: how many products with weights there are.
        kept: names of those that stay float32.
    """

    model: onnx.ModelProto
    products: int
    kept: tuple[str, ...]


def quantised(model: onnx.ModelProto, batches: Sequence[Batch]) -> Quantised:
    """Round the products of `model` with its weights to 8 bits.

    Args:
        model: a tidy float32 graph (see `traced`); it is left as it is.
        batches: normalised pictures to calibrate on; an activation's range is from the least to the
            largest value seen.
    """
    rounded = onnx.ModelProto()
    rounded.CopyFrom(model)
    products = _products(rounded)
    inputs = list(dict.fromkeys(product.input[0] for product in products))
    spreads = smoothed(rounded, observed(model, inputs, batches))
    kept = [product for product in products if _ratio(spreads[product.input[0]]) < LEAST_RATIO]
    names = {product.name for product in kept}
    _rewrite(rounded.graph, [p for p in products if p.name not in names], spreads)
    onnx.checker.check_model(rounded)
    return Quantised(rounded, len(products), tuple(product.name for product in kept))


def _products(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that multiply by a matrix of weights."""
    matrices = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2}
    return [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in matrices]


def _ratio(spread: Spread) -> float:
    """Power of a tensor's ordinary channels over that of its rounding error, a step's square over 12."""
    powers = np.sort(spread.power)
    step = _step(spread)
    return float(powers[: max(1, int(_ORDINARY * len(powers)))].mean() / (step * step / 12))


def _step(spread: Spread) -> float:
    """Between two of the 256 values that a tensor can take; zero is one of them."""
    low, high = min(float(spread.low.min()), 0.0), max(float(spread.high.max()), 0.0)
    return max(high - low, 1e-8) / _STEPS


def _rewrite(graph: onnx.GraphProto, products: list[onnx.NodeProto], spreads: dict[str, Spread]) -> None:
    """Put rounded inputs and weights before each of `products`."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    before: dict[str, list[onnx.NodeProto]] = {}
    constants: dict[str, onnx.TensorProto] = {}
    seen: set[str] = set()
    for product in products:
        source, matrix = product.input
        nodes = before.setdefault(product.name, [])
        if source not in seen:
            seen.add(source)
            nodes += _rounded_input(source, spreads[source], constants)
        if matrix not in seen:
            seen.add(matrix)
            nodes.append(_rounded_weight(weights.pop(matrix), constants))
        product.input[:] = [f"{source}.near", f"{matrix}.near"]
    ordered = [step for node in graph.node for step in (*before.get(node.name, []), node)]
    del graph.node[:]
    graph.node.extend(ordered)
    del graph.initializer[:]
    graph.initializer.extend([*weights.values(), *constants.values()])


def _rounded_input(name: str, spread: Spread, constants: dict[str, onnx.TensorProto]) -> list[onnx.NodeProto]:
    step = np.float32(_step(spread))
    zero = np.clip(np.round(-min(float(spread.low.min()), 0.0) / step), 0, _STEPS).astype(np.uint8)
    ends = _constants(name, np.asarray(step), np.asarray(zero), constants)
    return [
        helper.make_node("QuantizeLinear", [name, *ends], [f"{name}.8"], f"{name}.quantise"),
        helper.make_node("DequantizeLinear", [f"{name}.8", *ends], [f"{name}.near"], f"{name}.dequantise"),
    ]


def _rounded_weight(tensor: onnx.TensorProto, constants: dict[str, onnx.TensorProto]) -> onnx.NodeProto:
    weight, name = numpy_helper.to_array(tensor), tensor.name
    scale = channel_scales(weight.T)
    constants[f"{name}.8"] = numpy_helper.from_array(np.round(weight / scale).astype(np.int8), f"{name}.8")
    ends = _constants(name, scale, np.zeros(len(scale), np.int8), constants)
    return helper.make_node(
        "DequantizeLinear", [f"{name}.8", *ends], [f"{name}.near"], f"{name}.dequantise", axis=1
    )


def _constants(
    name: str,
    scale: npt.NDArray[np.float32],
    zero: npt.NDArray[np.generic],
    constants: dict[str, onnx.TensorProto],
) -> list[str]:
    """Add the scale and the zero point of `name`; return what they are called."""
    ends = {f"{name}.scale": scale, f"{name}.zero": zero}
    constants.update({end: numpy_helper.from_array(values, end) for end, values in ends.items()})
    return list(ends)
