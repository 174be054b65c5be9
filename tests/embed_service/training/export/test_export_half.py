from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
import torch

from embed_service.training.errors import TrainingError
from embed_service.training.export.graph import traced
from embed_service.training.export.half import halved


def test_vectors_point_where_they_did(model, images, run, cosines):
    half = halved(model, [images[:4]])
    result = run(half, images)
    assert result.dtype == np.float32
    assert cosines(result, run(model, images)).min() >= 0.999


def test_weights_are_half_as_large_and_the_ends_stay_float32(model, images):
    before = model.SerializeToString(deterministic=True)
    half = halved(model, [images[:4]])
    assert model.SerializeToString(deterministic=True) == before
    assert len(half.SerializeToString()) < 0.65 * len(before)
    (image,), (output,) = half.graph.input, half.graph.output
    assert image.type.tensor_type.elem_type == output.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    matrices = [tensor for tensor in half.graph.initializer if len(tensor.dims) == 2]
    assert matrices
    assert {tensor.data_type for tensor in matrices} == {onnx.TensorProto.FLOAT16}


def test_the_same_encoder_gives_the_same_bytes(model, images):
    first, second = (halved(model, [images[:4]]).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_values_that_float16_cannot_hold_are_refused(vit):
    large = copy.deepcopy(vit.model)
    with torch.no_grad():
        large.blocks[0].mlp.fc2.bias += 30_000
    with pytest.raises(TrainingError, match=r"values reach .* float32"):
        halved(traced(large, vit.preprocessing.size), [np.zeros((2, 3, 32, 32), np.float32)])
