"""The encoder that the project trained: what the file says, and that it tells the demo's images apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from embed_service.encoder.model import Encoder
from embed_service.fashion import FASHION_ENCODER
from embed_service.flags import parser
from embed_service.starter import STARTER_ENCODER
from embed_service.training.export.metadata import PROVENANCE_KEY
from embed_service.training.export.neighbours import accuracy
from vicinal_cli.demo import sample


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(FASHION_ENCODER, device="cpu")


def test_says_what_it_is_and_where_it_came_from(encoder):
    assert encoder.name == "vit-fashion-32-int8"
    assert encoder.preprocessing.size == 32
    known = {entry.key: entry.value for entry in onnx.load(FASHION_ENCODER).metadata_props}
    provenance = json.loads(known[PROVENANCE_KEY])
    assert provenance["architecture"] == "vit_tiny_patch16_224"
    assert provenance["whitening"].startswith(f"{encoder.dimension} dimensions")


def test_tells_the_samples_classes_apart_and_needs_no_batch(encoder, tmp_path):
    sample.unpack(tmp_path)
    files = sorted(tmp_path.glob("*/*"), key=lambda path: path.name)[:1000]
    classes = sorted({path.parent.name for path in files})
    labels = np.array([classes.index(path.parent.name) for path in files])
    inputs = [encoder.input_of(Image.open(path).convert("RGB")) for path in files]
    vectors = np.concatenate([encoder.embed(inputs[start : start + 50]) for start in range(0, 1000, 50)])
    assert accuracy(vectors, labels) > 0.78
    alone = np.concatenate([encoder.embed([ready]) for ready in inputs[:20]])
    np.testing.assert_allclose(alone, vectors[:20], atol=1e-5)


def test_encoders_that_come_with_the_project_are_known_by_their_names():
    given = parser().parse_args(["--encoder", "fashion", "--encoder", "starter", "--encoder", "my/starter"])
    assert given.encoder == [FASHION_ENCODER, STARTER_ENCODER, Path("my/starter")]
