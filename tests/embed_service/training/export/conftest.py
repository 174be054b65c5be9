"""Small vision transformers of three families whose every weight matters, and pictures for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch

from embed_service.training.backbones import BackboneSpec, Encoder, build
from embed_service.training.export.graph import IMAGE, traced
from embed_service.training.export.observation import session
from embed_service.training.export.pictures import pictures

SPECS = {
    "vit": BackboneSpec("vit_tiny_patch16_224", image_size=32, patch_size=8, dimension=48, depth=2, heads=3),
    "beit": BackboneSpec(
        "beit_base_patch16_224", image_size=32, patch_size=8, dimension=48, depth=2, heads=3
    ),
    "dinov2": BackboneSpec("vit_small_patch14_dinov2", image_size=42, dimension=48, depth=2, heads=3),
}

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="package", params=SPECS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    return made(request.param)


@pytest.fixture(scope="package")
def vit() -> Encoder:
    return made("vit")


@pytest.fixture(scope="package")
def model(encoder: Encoder) -> onnx.ModelProto:
    return traced(encoder.model, encoder.preprocessing.size)


@pytest.fixture(scope="package")
def images(encoder: Encoder) -> Array:
    return drawn(encoder)


@pytest.fixture(scope="session")
def draw() -> Callable[..., Array]:
    return drawn


@pytest.fixture(scope="session")
def run() -> Callable[[onnx.ModelProto, Array], Array]:
    return features


@pytest.fixture(scope="session")
def cosines() -> Callable[[Array, Array], Array]:
    return cosine_rows


def made(family: str) -> Encoder:
    """Random weights, with noise where a new network has zeros, ones or tiny numbers."""
    torch.manual_seed(0)
    encoder = build(SPECS[family])
    with torch.no_grad():
        for parameter in encoder.model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return encoder._replace(model=encoder.model.eval())


def drawn(encoder: Encoder, count: int = 12, seed: int = 5) -> Array:
    """Normalised pictures (count, 3, size, size)."""
    form = encoder.preprocessing
    return form.normalised(np.stack(list(pictures(count, form.size, seed))))


def features(model: onnx.ModelProto, images: Array) -> Array:
    result: Array = session(model).run(None, {IMAGE: images})[0]
    return result


def cosine_rows(first: Array, second: Array) -> Array:
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    result: Array = (first * second).sum(axis=1) / lengths
    return result
