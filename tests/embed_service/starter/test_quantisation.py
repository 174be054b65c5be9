from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from embed_service.starter.quantisation import quantise

Weight = npt.NDArray[np.float32]


def test_biases_make_up_for_rounding(tmp_path: Path) -> None:
    # Every weight but the first lies 0.4 of a step above a multiple of it, so all errors have one sign.
    weight = np.full((1, 64, 1, 1), 10.4 / 127, np.float32)
    weight[0, 0] = 1 - 10.4 / 127
    batches = [np.random.default_rng(i).uniform(0.5, 1, (4, 64, 2, 2)).astype(np.float32) for i in range(3)]
    model = _pointwise(weight)
    before = model.SerializeToString()
    quantise(model, batches, tmp_path / "int8.onnx")
    assert model.SerializeToString() == before
    exact, rounded = (
        np.concatenate([_run(source, batch) for batch in batches])
        for source in (before, (tmp_path / "int8.onnx").read_bytes())
    )
    uncorrected = abs((np.round(weight * 127) / 127 - weight).sum()) * 0.75
    assert abs((rounded - exact).mean()) < uncorrected / 10


def _pointwise(weight: Weight) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w", "b"], ["y"])],
        "pointwise",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weight.shape[1], 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", len(weight), 2, 2])],
        [
            numpy_helper.from_array(weight, "w"),
            numpy_helper.from_array(np.zeros(len(weight), np.float32), "b"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


def _run(model: bytes, x: Weight) -> Weight:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    output: Weight = session.run(None, {"x": x})[0]
    return output
