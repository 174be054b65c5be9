from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from embed_service.training.errors import TrainingError
from embed_service.training.export import graph
from embed_service.training.export.graph import FEATURES, IMAGE, OPSET, traced


@pytest.mark.parametrize("count", [1, 3, 8])
def test_gives_what_torch_gives_for_any_number_of_images(encoder, model, images, run, count):
    with torch.inference_mode():
        expected = encoder.model(torch.from_numpy(images[:count])).numpy()
    np.testing.assert_allclose(run(model, images[:count]), expected, atol=1e-5)


def test_is_tidy_and_self_contained(encoder, model):
    size = encoder.preprocessing.size
    (opset,) = model.opset_import
    assert opset.version == OPSET
    (image,), (output,) = model.graph.input, model.graph.output
    assert (image.name, output.name) == (IMAGE, FEATURES)
    assert [side.dim_value for side in image.type.tensor_type.shape.dim] == [0, 3, size, size]
    assert [side.dim_value for side in output.type.tensor_type.shape.dim] == [0, 48]
    assert not [node for node in model.graph.node if node.op_type == "Identity"]
    assert not [tensor for tensor in model.graph.initializer if tensor.external_data]
    names = [tensor.name for tensor in model.graph.initializer]
    assert len(names) == len(set(names))


def test_the_same_encoder_gives_the_same_bytes(encoder, model):
    again = traced(encoder.model, encoder.preprocessing.size)
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)


def test_the_encoder_stays_as_it_is(vit):
    vit.model.train()
    before = {name: tensor.clone() for name, tensor in vit.model.state_dict().items()}
    traced(vit.model, vit.preprocessing.size)
    assert vit.model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in vit.model.state_dict().items())
    vit.model.eval()


def test_weights_with_equal_values_become_weights_of_their_own(run):
    layers = nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU())
    layers.append(copy.deepcopy(layers[3]))
    model = traced(layers, 4)
    assert not [node for node in model.graph.node if node.op_type == "Identity"]
    assert len(model.graph.initializer) == 6
    images = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)
    with torch.inference_mode():
        np.testing.assert_allclose(run(model, images), layers(torch.from_numpy(images)).numpy(), atol=1e-6)
    onnx.checker.check_model(model, full_check=True)


def test_what_torch_cannot_export_is_refused():
    class Sorted(nn.Module):
        def forward(self, x):
            return torch.linalg.svdvals(x.flatten(1)[None]).sum(0, keepdim=True)

    with pytest.raises(TrainingError, match="cannot export"):
        traced(Sorted(), 4)


def test_what_no_file_holds_is_refused(vit, monkeypatch):
    monkeypatch.setattr(graph, "_LARGEST_FILE", 1000)
    with pytest.raises(TrainingError, match="more than one ONNX file holds"):
        traced(vit.model, vit.preprocessing.size)
