"""float32 → int8 that gives the same vectors on every CPU.

Weights get the scales of `channel_scales`, with which no CPU saturates.

Rounding the weights shifts the mean of what a convolution gives; its bias takes the shift back (Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, section 4.2).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

from embed_service.training.export.scales import channel_scales

Batch = npt.NDArray[np.float32]


def quantise(model: onnx.ModelProto, batches: Sequence[Batch], path: Path) -> None:
    """Write `model` with 8-bit weights and activations whose ranges are fixed by calibration (static).

    Args:
        model: A float32 model with one input, whose convolutions have weights and biases, each an initialiser
            of its own. It is left as it is.
        batches: What to calibrate on, each float32 of the input's shape; an activation's range is from the
            smallest to the largest value seen.
        path: Where to write the model (quantise-dequantise form, which ONNX Runtime fuses).
    """
    weights = _convolution_weights(model)
    quantize_static(
        _with_corrected_biases(model, weights, batches),
        path,
        _Reader(model.graph.input[0].name, batches),
        quant_format=QuantFormat.QDQ,
        # The pooling stays float32: its input has 8 bits, its mean deserves more.
        op_types_to_quantize=["Conv", "Add", "Clip"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"TensorQuantOverrides": _overrides(weights)},
    )


def _convolution_weights(model: onnx.ModelProto) -> dict[str, npt.NDArray[np.float32]]:
    """The weights of the convolutions by their initialiser's name."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    names = [node.input[1] for node in model.graph.node if node.op_type == "Conv"]
    return {name: numpy_helper.to_array(constants[name]) for name in names}


def _overrides(weights: dict[str, npt.NDArray[np.float32]]) -> dict[str, list[dict[str, Any]]]:
    """The quantiser's settings for each output channel of each of the weights."""
    zero = np.array(0, np.int8)
    return {
        name: [
            {"axis": 0, "quant_type": QuantType.QInt8, "scale": scale, "zero_point": zero}
            for scale in channel_scales(weight)
        ]
        for name, weight in weights.items()
    }


def _with_corrected_biases(
    model: onnx.ModelProto, weights: dict[str, npt.NDArray[np.float32]], batches: Sequence[Batch]
) -> onnx.ModelProto:
    """A copy of `model` whose biases make up for the mean error of its rounded weights on `batches`."""
    corrected = onnx.ModelProto()
    corrected.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in corrected.graph.initializer}
    means = _mean_inputs(model, batches)
    for node in corrected.graph.node:
        if node.op_type != "Conv":
            continue
        source, weight_name, bias_name = node.input
        bias = numpy_helper.to_array(constants[bias_name]) - _mean_shift(weights[weight_name], means[source])
        constants[bias_name].CopyFrom(numpy_helper.from_array(bias.astype(np.float32), bias_name))
    return corrected


def _mean_shift(weight: npt.NDArray[np.float32], mean: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far (out,) rounding moves the mean of a convolution's output, from its input's (in,)."""
    scale = channel_scales(weight)[:, None, None, None]
    error = (np.round(weight / scale) * scale - weight).sum(axis=(2, 3), dtype=np.float64)
    return np.asarray(error[:, 0] * mean if weight.shape[1] == 1 else error @ mean)


def _mean_inputs(model: onnx.ModelProto, batches: Sequence[Batch]) -> dict[str, npt.NDArray[np.float64]]:
    """The mean (channels,) of every convolution's input over `batches`."""
    image = model.graph.input[0].name
    names = list(dict.fromkeys(node.input[0] for node in model.graph.node if node.op_type == "Conv"))
    names.remove(image)
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    observed.graph.output.extend(
        helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names
    )
    session = onnxruntime.InferenceSession(observed.SerializeToString(), providers=["CPUExecutionProvider"])
    sums: dict[str, npt.NDArray[np.float64]] = {}
    for batch in batches:
        # Asked for no names, ONNX Runtime gives every output.
        values = [batch, *(session.run(names, {image: batch}) if names else [])]
        for name, value in zip([image, *names], values, strict=True):
            sums[name] = sums.get(name, 0) + value.mean(axis=(2, 3), dtype=np.float64).sum(axis=0)
    return {name: total / sum(map(len, batches)) for name, total in sums.items()}


class _Reader:
    """Hands batches to the quantiser; has the one method of its `CalibrationDataReader`."""

    def __init__(self, name: str, batches: Iterable[Batch]) -> None:
        self._feeds = ({name: batch} for batch in batches)

    def get_next(self) -> dict[str, Batch] | None:
        return next(self._feeds, None)
