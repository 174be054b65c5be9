from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper

from embed_service.starter.quantisation import channel_scales, quantise

Weight = npt.NDArray[np.float32]

shapes = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(2, 9), st.just(1), st.just(1)),
    st.tuples(st.integers(1, 5), st.integers(2, 3), st.just(3), st.just(3)),
)
values = st.floats(-100, 100, width=32, allow_subnormal=False)


@given(shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=values)))
def test_neighbours_cannot_saturate_16_bits(weight: Weight) -> None:
    rows = np.round(weight / channel_scales(weight)[:, None, None, None]).reshape(len(weight), -1)
    assert np.abs(rows).max() <= 127
    # Whichever of two weights meet large activations: both, one or none.
    for left, right in zip(rows.T[0::2], rows.T[1::2], strict=False):
        sums = np.stack([np.zeros(len(rows)), left, right, left + right]) * 255
        assert sums.min() >= -32768
        assert sums.max() <= 32767


@given(shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=values)))
def test_never_coarser_than_seven_bits(weight: Weight) -> None:
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    assert (channel_scales(weight) <= np.maximum(largest / 63.5, 1e-8) * (1 + 1e-6)).all()


def test_a_lone_large_weight_keeps_eight_bits() -> None:
    weight = np.array([1.0, -0.9, 0.1, 0.2], np.float32).reshape(1, 4, 1, 1)
    assert channel_scales(weight) == pytest.approx(1 / 127)


def test_depthwise_weights_keep_eight_bits() -> None:
    assert channel_scales(np.ones((2, 1, 3, 3), np.float32)) == pytest.approx([1 / 127] * 2)


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
