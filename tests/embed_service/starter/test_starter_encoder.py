"""The file that the project ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from embed_service.encoder.model import Encoder
from embed_service.starter import STARTER_ENCODER
from embed_service.training.export.pictures import pictures
from vicinal_cli.demo import sample


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(STARTER_ENCODER, device="cpu")


def test_says_what_it_is(encoder: Encoder) -> None:
    assert encoder.name == "efficientnet-lite0-128-int8"
    assert encoder.dimension == 1280
    assert encoder.preprocessing.size == 128
    assert encoder.preprocessing.mean == pytest.approx([127 / 255] * 3, abs=1e-6)
    assert encoder.preprocessing.std == pytest.approx([128 / 255] * 3, abs=1e-6)


def test_is_small() -> None:
    assert STARTER_ENCODER.stat().st_size < 4_000_000


def test_a_vector_does_not_depend_on_its_batch(encoder: Encoder) -> None:
    batch = np.stack(list(pictures(5, 128, seed=7)))
    batch[2] = 0  # a flat image would shift ranges that were taken from the batch
    inputs = list(encoder.preprocessing.normalised(batch))
    together = encoder.embed(inputs)
    for number, ready in enumerate(inputs):
        np.testing.assert_allclose(encoder.embed([ready])[0], together[number], atol=1e-6)


def test_no_cpu_can_saturate() -> None:
    model = onnx.load(STARTER_ENCODER)
    weights = [
        numpy_helper.to_array(tensor).astype(int)
        for tensor in model.graph.initializer
        if tensor.name.endswith(".weight_quantized")
    ]
    assert len(weights) == 49
    for weight in weights:
        if weight.shape[1] > 1 and weight.shape[2:] == (1, 1):
            pairs = weight.reshape(len(weight), -1, 2)
            assert np.abs(np.maximum(pairs, 0).sum(axis=2)).max() * 255 <= np.iinfo(np.int16).max
            assert np.minimum(pairs, 0).sum(axis=2).min() * 255 >= np.iinfo(np.int16).min


def test_tells_the_samples_classes_apart(encoder: Encoder, tmp_path: Path) -> None:
    sample.unpack(tmp_path)
    files = sorted(tmp_path.glob("*/*"), key=lambda path: path.name)[:1000]
    classes = sorted({path.parent.name for path in files})
    labels = np.array([classes.index(path.parent.name) for path in files])
    images = [encoder.input_of(Image.open(path).convert("RGB")) for path in files]
    vectors = np.concatenate([encoder.embed(images[i : i + 50]) for i in range(0, len(images), 50)])
    assert _knn_accuracy(vectors, labels) > 0.75


def _knn_accuracy(vectors: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    neighbours = labels[np.argsort(-similarity, axis=1)[:, :10]]
    return float(np.mean([np.bincount(row).argmax() for row in neighbours] == labels))
