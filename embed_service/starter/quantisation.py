"""float32 → int8 that gives the same vectors on every CPU.

An x86 CPU without VNNI multiplies 8-bit numbers with VPMADDUBSW, which adds two neighbouring products in 16 bits
and saturates: an unsigned activation (≤ 255) times a signed weight, twice, fits only while the two weights add
up to 128 at most. Full-range weights exceed that, and the same file then gives quite other vectors (measured:
mean cosine 0.85 between CPUs). The usual cure, 7-bit weights, costs accuracy in every channel. Here each output
channel gets the finest scale at which no neighbouring pair can saturate, so most channels keep nearly 8 bits.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

Batch = npt.NDArray[np.float32]

_LARGEST = 127
# Two roundings may add one: 127 + 1 = 128 still fits.
_LARGEST_PAIR = 127
# A dead channel has no weights; any positive scale serves.
_SMALLEST_SCALE = 1e-8


def quantise(model: onnx.ModelProto, batches: Iterable[Batch], path: Path) -> None:
    """Writes `model` with 8-bit weights and activations whose ranges are fixed by calibration (static).

    Args:
        model: A float32 model of convolutions with bias, additions and clips, with one input. Weights of its
            convolutions are initialisers named `*.weight`.
        batches: What to calibrate on, each float32 of the input's shape; an activation's range is from the
            smallest to the largest value seen.
        path: Where to write the model (quantise-dequantise form, which ONNX Runtime fuses).
    """
    # The quantiser changes the model it is given.
    own = onnx.ModelProto()
    own.CopyFrom(model)
    quantize_static(
        own,
        path,
        _Reader(model.graph.input[0].name, batches),
        quant_format=QuantFormat.QDQ,
        # The pooling stays float32: its input has 8 bits, its mean deserves more.
        op_types_to_quantize=["Conv", "Add", "Clip"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"TensorQuantOverrides": _overrides(model)},
    )


def channel_scales(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The finest scale of each output channel at which its int8 weights cannot saturate 16-bit sums.

    Args:
        weight: A convolution's weights (out, in / groups, height, width).

    Returns:
        float32 (out,), positive. With q = round(weight / scale): |q| ≤ 127 and, except in depthwise
        convolutions (whose kernels add up in 32 bits), neighbours along the flattened inputs add up to
        −128 … 128.
    """
    rows = np.abs(weight.reshape(len(weight), -1))
    scale = np.maximum(rows.max(axis=1) / _LARGEST, _SMALLEST_SCALE)
    if weight.shape[1] > 1:
        scale = np.maximum(scale, _largest_pair(weight) / _LARGEST_PAIR)
    return np.asarray(scale, dtype=np.float32)


def _largest_pair(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Largest magnitude (out,) of a sum of two weights of one sign that one instruction may add."""
    rows = weight.reshape(len(weight), -1)
    if weight.shape[2:] != (1, 1):
        # The order in which a k × k kernel is flattened is the runtime's affair: any two may meet.
        return np.asarray(2 * np.abs(rows).max(axis=1))
    pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
    positive, negative = (np.maximum(sign * pairs, 0).sum(axis=2).max(axis=1) for sign in (1, -1))
    return np.asarray(np.maximum(positive, negative))


def _overrides(model: onnx.ModelProto) -> dict[str, list[dict[str, Any]]]:
    """The quantiser's per-channel settings of every convolution's weights."""
    overrides = {}
    for tensor in model.graph.initializer:
        if tensor.name.endswith(".weight"):
            scales = channel_scales(numpy_helper.to_array(tensor))
            overrides[tensor.name] = [
                {"axis": 0, "quant_type": QuantType.QInt8, "scale": scale, "zero_point": np.array(0, np.int8)}
                for scale in scales
            ]
    return overrides


class _Reader:
    """Hands batches to the quantiser; has the one method of its `CalibrationDataReader`."""

    def __init__(self, name: str, batches: Iterable[Batch]) -> None:
        self._feeds = ({name: batch} for batch in batches)

    def get_next(self) -> dict[str, Batch] | None:
        return next(self._feeds, None)
