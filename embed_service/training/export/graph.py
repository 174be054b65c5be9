"""torch → ONNX: opset 17, any number of images, self-contained, the same bytes every time."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Iterable
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from embed_service.training.errors import TrainingError

__all__ = ["FEATURES", "IMAGE", "OPSET", "traced"]

IMAGE = "image"
FEATURES = "features"
OPSET = 17
"""Has LayerNormalization; read by every ONNX Runtime since 1.12, and by TensorRT since 8.6."""

_BATCH = "n"
# More than one: an exporter that sees a batch of 1 may take it for a constant.
_EXAMPLES = 2
_LARGEST_FILE = 2**31 - 1


def traced(model: nn.Module, size: int) -> onnx.ModelProto:
    """Return `model` as a float32 graph: `image` (n, 3, size, size) → `features` (n, dimension).

    The graph is tidy: every weight is an initialiser that one name stands for, and there is no Identity.

    Args:
        model: an encoder on the CPU; it is left as it is.
        size: side of its input in pixels.

    Raises:
        TrainingError: it cannot be exported, or is too large for one file (2 GiB).
    """
    plain = _unfused(model)
    graph = _exported(plain, size)
    _inline_identities(graph.graph)
    with torch.inference_mode():
        dimension = int(plain(torch.zeros(1, 3, size, size)).shape[1])
    _declare(graph.graph.input, IMAGE, [_BATCH, 3, size, size])
    _declare(graph.graph.output, FEATURES, [_BATCH, dimension])
    graph.producer_name, graph.producer_version = "vicinal", ""
    onnx.checker.check_model(graph)
    return graph


def _unfused(model: nn.Module) -> nn.Module:
    """A copy for inference whose attention is written out as products, which every exporter knows."""
    plain = copy.deepcopy(model).eval().float()
    modules: Iterable[Any] = plain.modules()
    for module in modules:
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    return plain


def _exported(model: nn.Module, size: int) -> onnx.ModelProto:
    weights = sum(tensor.nbytes for tensor in model.state_dict().values())
    if weights > _LARGEST_FILE:
        raise TrainingError(
            f"the encoder's weights are {weights / 2**30:.1f} GiB, more than one ONNX file holds (2 GiB): "
            "take a smaller one"
        )
    example = torch.rand(_EXAMPLES, 3, size, size, generator=torch.Generator().manual_seed(0))
    file: Any = io.BytesIO()  # torch's types know paths only
    with torch.inference_mode(), warnings.catch_warnings():
        # The tracer warns of Python conditions on shapes (these are fixed but for the batch), and of its age.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                model,
                (example,),
                file,
                input_names=[IMAGE],
                output_names=[FEATURES],
                dynamic_axes={IMAGE: {0: _BATCH}, FEATURES: {0: _BATCH}},
                opset_version=OPSET,
                dynamo=False,  # the newer exporter needs opset 18 and fails on BEiT
            )
        except Exception as error:  # torch has no common class for what it raises
            raise TrainingError(f"torch cannot export this encoder: {error}") from error
    return onnx.load_from_string(file.getvalue())


def _inline_identities(graph: onnx.GraphProto) -> None:
    """Give each weight that shares its values with another (the exporter's Identity) a copy of its own."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        source = renamed.get(node.input[0], node.input[0]) if node.input else ""
        if node.op_type != "Identity" or node.output[0] == FEATURES:
            kept.append(node)
        elif source in weights:
            own = TensorProto()
            own.CopyFrom(weights[source])
            own.name = node.output[0]
            weights[own.name] = own
        else:
            renamed[node.output[0]] = source
    for node in kept:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
    used = {name for node in kept for name in node.input}
    _replace(graph.node, kept)
    _replace(graph.initializer, [tensor for name, tensor in weights.items() if name in used])


def _declare(ends: Any, name: str, shape: list[Any]) -> None:
    """Let `ends`, the graph's inputs or outputs, be `name` alone, float32 of `shape`."""
    if [end.name for end in ends] != [name]:
        raise TrainingError(f"the exported graph has {[end.name for end in ends]} where {name} was expected")
    _replace(ends, [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)])


def _replace(field: Any, values: list[Any]) -> None:
    copies = list(values)
    del field[:]
    field.extend(copies)
