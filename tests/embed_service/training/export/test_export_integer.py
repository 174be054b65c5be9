from __future__ import annotations

import copy

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from embed_service.training.export.graph import traced
from embed_service.training.export.integer import quantised
from embed_service.training.export.observation import observed
from embed_service.training.export.smoothing import smoothed


@pytest.fixture(scope="module")
def calibration(draw, encoder):
    images = draw(encoder, count=48, seed=6)
    return [images[start : start + 8] for start in range(0, 48, 8)]


@pytest.fixture(scope="module")
def rounded(model, calibration):
    return quantised(model, calibration)


def test_vectors_stay_near(model, rounded, images, run, cosines):
    assert rounded.products == 8
    assert rounded.kept == ()
    assert cosines(run(rounded.model, images), run(model, images)).min() > 0.995


def test_the_same_images_give_the_same_bytes(model, calibration, rounded):
    again = quantised(model, calibration).model
    assert again.SerializeToString(deterministic=True) == rounded.model.SerializeToString(deterministic=True)


def test_a_vector_does_not_depend_on_its_batch(rounded, images, run):
    together = run(rounded.model, images)
    alone = np.concatenate([run(rounded.model, image[None]) for image in images])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_no_cpu_can_saturate(rounded):
    weights = [
        numpy_helper.to_array(tensor).astype(int)
        for tensor in rounded.model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 2
    ]
    assert len(weights) == rounded.products
    for weight in weights:
        pairs = weight.reshape(-1, 2, weight.shape[1])
        assert np.maximum(pairs, 0).sum(axis=1).max() * 255 <= np.iinfo(np.int16).max
        assert np.minimum(pairs, 0).sum(axis=1).min() * 255 >= np.iinfo(np.int16).min


def test_onnx_runtime_multiplies_in_8_bits(rounded, tmp_path):
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(
        rounded.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    fused = [node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node]
    assert fused.count("MatMulIntegerToFloat") == rounded.products
    assert "DequantizeLinear" not in fused


def test_smoothing_changes_nothing_but_the_rounding(model, images, run):
    after = onnx.ModelProto()
    after.CopyFrom(model)
    names = [node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"][:-1]
    before = observed(model, names, [images])
    spreads = smoothed(after, before)
    assert all((spreads[name].high != before[name].high).any() for name in names)
    np.testing.assert_allclose(run(after, images), run(model, images), rtol=1e-4, atol=1e-5)
    again = observed(after, names, [images])
    for name in names:
        np.testing.assert_allclose(spreads[name].high, again[name].high, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(spreads[name].power, again[name].power, rtol=1e-3, atol=1e-4)


def test_channels_with_large_values_cost_nothing(vit, run, cosines):
    """The same function, written so that three channels of each LayerNorm are 60 times as large."""
    uneven = copy.deepcopy(vit.model)
    with torch.no_grad():
        for block in uneven.blocks:
            for norm, reader in ((block.norm1, block.attn.qkv), (block.norm2, block.mlp.fc1)):
                norm.weight[:3] *= 60
                norm.bias[:3] *= 60
                reader.weight[:, :3] /= 60
    images = np.random.default_rng(0).normal(size=(12, 3, 32, 32)).astype(np.float32)
    model = traced(uneven, 32)
    rounded = quantised(model, [images[:8]])
    assert rounded.kept == ()
    assert cosines(run(rounded.model, images), run(model, images)).min() > 0.995


def test_a_product_that_8_bits_are_too_coarse_for_stays_float32(vit, run, cosines):
    """One hidden unit is always huge, and nothing reads it."""
    huge = copy.deepcopy(vit.model)
    with torch.no_grad():
        layer = huge.blocks[1].mlp
        layer.fc1.weight[0], layer.fc1.bias[0], layer.fc2.weight[:, 0] = 0, 400, 0
    images = np.random.default_rng(0).normal(size=(12, 3, 32, 32)).astype(np.float32)
    model = traced(huge, 32)
    rounded = quantised(model, [images[:8]])
    assert rounded.kept == ("/blocks/blocks.1/mlp/fc2/MatMul",)
    assert cosines(run(rounded.model, images), run(model, images)).min() > 0.995
