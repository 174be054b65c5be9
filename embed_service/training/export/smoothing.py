"""Even out the channels of what is to be rounded to 8 bits.

One scale serves a whole tensor of activations, so a channel with large values costs all the others their
resolution; a trained transformer's LayerNorms have such channels. Dividing each channel by a factor inside
the LayerNorm (its weight and bias), and multiplying the weights that read the channel, changes nothing but
the rounding: the difficulty moves to the weights, which have a scale for each of their outputs (Xiao et al.,
"SmoothQuant", ICML 2023, eq. 4 with α = 1/2).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from embed_service.training.export.observation import Channels, Spread

__all__ = ["smoothed"]

_TINIEST = 1e-5


def smoothed(model: onnx.ModelProto, spreads: Mapping[str, Spread]) -> dict[str, Spread]:
    """Smooth, in place, every LayerNorm of `model` whose values only products with weights read.

    Args:
        model: a tidy float32 graph (see `traced`).
        spreads: what the products' inputs are like.

    Returns:
        What they are like now.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    after = dict(spreads)
    for norm in model.graph.node:
        if norm.op_type != "LayerNormalization" or norm.output[0] not in spreads:
            continue
        output = norm.output[0]
        scales = [weights[name] for name in norm.input[1:]]
        reading = [node for node in readers[output] if node.op_type != "Shape"]
        products = [weights[node.input[1]] for node in reading if _multiplies(node, output, weights)]
        if len(products) < len(reading) or any(_shared(tensor, readers) for tensor in (*scales, *products)):
            continue
        factors = _factors(spreads[output], [numpy_helper.to_array(product) for product in products])
        for tensor in scales:
            _multiply(tensor, 1 / factors)
        for tensor in products:
            _multiply(tensor, factors[:, None])
        after[output] = spreads[output].divided(factors)
    return after


def _multiplies(node: onnx.NodeProto, name: str, weights: Mapping[str, onnx.TensorProto]) -> bool:
    return node.op_type == "MatMul" and node.input[0] == name and node.input[1] in weights


def _shared(tensor: onnx.TensorProto, readers: Mapping[str, list[onnx.NodeProto]]) -> bool:
    return len(readers[tensor.name]) > 1


def _factors(spread: Spread, products: list[npt.NDArray[np.float32]]) -> Channels:
    """What to divide each channel by: √(its largest value / the largest weight that reads it)."""
    values = np.maximum(np.abs(spread.low), np.abs(spread.high))
    largest = np.max([np.abs(product).max(axis=1) for product in products], axis=0).astype(np.float64)
    return np.asarray(np.sqrt(np.maximum(values, _TINIEST) / np.maximum(largest, _TINIEST)))


def _multiply(tensor: onnx.TensorProto, factors: Channels) -> None:
    values = numpy_helper.to_array(tensor) * factors
    tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float32), tensor.name))
