"""EfficientNet-Lite0's feature extractor as an ONNX graph, built from its published weights.

The network is a chain of convolutions with batch normalisation, so the graph is written down directly:
no framework runs it and no exporter has to be trusted. Source: Tan and Le, "EfficientNet: Rethinking Model
Scaling for Convolutional Neural Networks", ICML 2019, in the Lite form (no squeeze-and-excitation, ReLU6).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, npt.NDArray[np.floating[Any]]]

INPUT = "image"
OUTPUT = "features"
DIMENSION = 1280

# Of the weights' training: batch normalisation's epsilon.
_EPSILON = 1e-3
# Per-channel weights need 13; 17 is read by every ONNX Runtime since 1.12.
_OPSET = 17
_IR_VERSION = 8


class _Stage(NamedTuple):
    """`repeats` inverted bottlenecks, of which only the first strides."""

    repeats: int
    kernel: int
    stride: int
    expansion: int


_STAGES = (
    _Stage(1, 3, 1, 1),
    _Stage(2, 3, 2, 6),
    _Stage(2, 5, 2, 6),
    _Stage(3, 3, 2, 6),
    _Stage(3, 5, 1, 6),
    _Stage(4, 5, 2, 6),
    _Stage(1, 3, 1, 6),
)


def feature_model(weights: Weights, size: int) -> onnx.ModelProto:
    """Build the network up to its pooled features.

    Args:
        weights: Arrays by the name they have in the published checkpoint (`_conv_stem.weight`,
            `_blocks.0._bn1.running_mean`, …); those of the classifier are not used.
        size: Side of the input in pixels; a multiple of 32.

    Returns:
        A checked float32 model: `image` (n, 3, size, size) → `features` (n, 1280), any n ≥ 1.

    Raises:
        KeyError: A weight is missing.
        ValueError: `size` is not a positive multiple of 32.
    """
    if size <= 0 or size % 32:
        raise ValueError(f"size is {size}; it must be a positive multiple of 32")
    network = _Network(weights, size)
    x = network.convolution(INPUT, "_conv_stem", "_bn0", stride=2, activate=True)
    for name, stage, strides in _blocks():
        x = network.bottleneck(x, name, stage, strides)
    x = network.convolution(x, "_conv_head", "_bn1", activate=True)
    network.pool(x)
    return network.model()


def _blocks() -> Iterator[tuple[str, _Stage, bool]]:
    """Yield each block's name, its stage and whether it is the stage's first."""
    index = 0
    for stage in _STAGES:
        for repeat in range(stage.repeats):
            yield f"_blocks.{index}", stage, repeat == 0
            index += 1


class _Network:
    """Collects the nodes and initialisers of one graph."""

    def __init__(self, weights: Weights, size: int) -> None:
        self._weights = weights
        self._size = size
        self._side = {INPUT: size}
        self._nodes: list[onnx.NodeProto] = []
        self._constants = [
            numpy_helper.from_array(np.array(bound, np.float32), name)
            for name, bound in (("zero", 0), ("six", 6))
        ]

    def bottleneck(self, x: str, name: str, stage: _Stage, first: bool) -> str:
        """Expand, filter per channel, project; the input is added where shapes agree."""
        y = x
        if stage.expansion > 1:
            y = self.convolution(y, f"{name}._expand_conv", f"{name}._bn0", activate=True)
        stride = stage.stride if first else 1
        y = self.convolution(y, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, activate=True)
        y = self.convolution(y, f"{name}._project_conv", f"{name}._bn2")
        return y if first else self._node("Add", [x, y], f"{name}.sum", self._side[x])

    def convolution(self, x: str, name: str, norm: str, *, stride: int = 1, activate: bool = False) -> str:
        """A convolution with its batch normalisation folded in, and ReLU6 where `activate`."""
        weight, bias = _folded(self._weights, name, norm)
        self._constants += [
            numpy_helper.from_array(weight, f"{name}.weight"),
            numpy_helper.from_array(bias, f"{name}.bias"),
        ]
        kernel = weight.shape[-1]
        before, after, side = _same_padding(self._side[x], kernel, stride)
        y = self._node(
            "Conv",
            [x, f"{name}.weight", f"{name}.bias"],
            name,
            side,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=weight.shape[0] if weight.shape[1] == 1 else 1,
        )
        return self._node("Clip", [y, "zero", "six"], f"{name}.relu6", side) if activate else y

    def pool(self, x: str) -> None:
        """Averages over positions into the graph's output."""
        self._node("ReduceMean", [x], OUTPUT, 1, axes=[2, 3], keepdims=0)

    def model(self) -> onnx.ModelProto:
        """The finished model."""
        graph = helper.make_graph(
            self._nodes,
            "efficientnet_lite0_features",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 3, self._size, self._size])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", DIMENSION])],
            self._constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="vicinal"
        )
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        return model

    def _node(self, operator: str, inputs: list[str], output: str, side: int, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        self._side[output] = side
        return output


def _folded(
    weights: Weights, name: str, norm: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Weight (out, in, k, k) and bias (out,) of a convolution and the batch normalisation after it."""
    variance = weights[f"{norm}.running_var"].astype(np.float64)
    scale = weights[f"{norm}.weight"] / np.sqrt(variance + _EPSILON)
    weight = weights[f"{name}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return weight.astype(np.float32), bias.astype(np.float32)


def _same_padding(side: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Pixels before, pixels after and the output's side, for the "same" padding of the weights' training.

    TensorFlow's: where an odd number of pixels is needed, the last side gets one more.
    """
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2, out
