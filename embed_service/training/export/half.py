"""float32 → float16, for GPUs: half the size, and the tensor cores' pace.

Weights and values inside are float16; the picture that comes in and the features that go out stay float32, so
that the file serves where a float32 one did (on a CPU too, which computes it in float32). LayerNormalization
keeps its statistics in float32, as the operator's definition says. A residual stream that leaves float16's
range would come out as infinity: that is looked for on pictures and refused.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import TensorProto
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from embed_service.training.errors import TrainingError
from embed_service.training.export.observation import Batch, observed

__all__ = ["halved"]

_LARGEST = 65504.0
_ROOM = 4.0
"""Other pictures may reach beyond those looked at."""


def halved(model: onnx.ModelProto, batches: Iterable[Batch]) -> onnx.ModelProto:
    """Return `model` computed in float16.

    Args:
        model: a tidy float32 graph (see `traced`); it is left as it is.
        batches: normalised pictures on which its values must stay in float16's range; two or three do.

    Raises:
        TrainingError: they do not.
    """
    inferred = onnx.shape_inference.infer_shapes(model)
    _check_range(inferred, batches)
    converted = OnnxModel(convert_float_to_float16(inferred, keep_io_types=True, disable_shape_infer=True))
    converted.topological_sort(is_deterministic=True)
    half: onnx.ModelProto = converted.model
    del half.graph.value_info[:]
    onnx.checker.check_model(half)
    return half


def _check_range(model: onnx.ModelProto, batches: Iterable[Batch]) -> None:
    floats = {
        value.name
        for value in model.graph.value_info
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    names = [name for node in model.graph.node if node.op_type in _GROWING for name in node.output]
    spreads = observed(model, [name for name in names if name in floats], batches)
    for name, spread in spreads.items():
        reached = max(-float(spread.low.min()), float(spread.high.max()))
        if reached * _ROOM > _LARGEST:
            raise TrainingError(
                f"the encoder's values reach {reached:.0f} (at {name}), too near to float16's end at "
                f"{_LARGEST:.0f}: export it with --precision float32"
            )


_GROWING = ("Add", "Conv", "Gemm", "MatMul", "Mul")
