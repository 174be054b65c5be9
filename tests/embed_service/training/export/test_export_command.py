"""`vicinal export-encoder` from a checkpoint to a file that is served."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from PIL import Image

from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import METADATA_KEY, Encoder, sidecar_of
from embed_service.training import __main__
from embed_service.training.backbones import save_encoder
from embed_service.training.compat import timm
from embed_service.training.data.source import find
from embed_service.training.errors import TrainingError
from embed_service.training.export import command
from embed_service.training.export.images import of_source
from embed_service.training.export.metadata import PROVENANCE_KEY, sha256
from embed_service.training.export.pictures import pictures
from embed_service.training.export.verdict import Accuracy, Precision, Verdict, check, doubts
from embed_service.training.whitening import whitened


@pytest.fixture(scope="module")
def checkpoint(vit, tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "encoder.pt"
    save_encoder(path, vit)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """100 pictures of two classes: as drawn, and in red alone."""
    folder = tmp_path_factory.mktemp("images")
    for number, picture in enumerate(pictures(100, 40, seed=3)):
        path = folder / ("plain", "red")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture * np.array([1, 1 - number % 2, 1 - number % 2], np.uint8)).save(path)
    return folder


@pytest.fixture
def export(monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["vicinal", "export-encoder", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            raise SystemExit(__main__.main())
        return stop.value.code

    return run


def report(text):
    lines = [line.split("  ", 1) for line in text.splitlines()]
    return {words[0]: words[-1].strip() for words in lines if len(words) > 1}


@pytest.mark.parametrize("precision", Precision)
def test_what_is_served_is_what_torch_gives(precision, vit, checkpoint, folder, export, tmp_path, capsys):
    out = tmp_path / "encoder.onnx"
    assert not export(checkpoint, "--out", out, "--precision", precision, "--images", folder)
    said = report(capsys.readouterr().out)
    served = Encoder(out, device="cpu")
    assert served.preprocessing == vit.preprocessing
    assert said["digest"] == served.digest
    assert said["compared on"] == "50 images"
    assert said["k-NN accuracy"].count("%") == 2
    images = [Image.open(path).convert("RGB") for path in sorted(folder.rglob("*.png"))]
    inputs = np.stack([served.input_of(image) for image in images])
    with torch.inference_mode():
        exact = torch.nn.functional.normalize(vit.model(torch.from_numpy(inputs))).numpy()
    cosines = (served.embed(list(inputs)) * exact).sum(axis=1)
    assert cosines.min() > {"float32": 1 - 1e-6, "float16": 0.999, "int8": 0.99}[precision]


@pytest.mark.parametrize("precision", Precision)
def test_the_same_command_gives_the_same_bytes(precision, checkpoint, folder, export, tmp_path):
    for name in ("first.onnx", "second.onnx"):
        assert not export(checkpoint, "--out", tmp_path / name, "--precision", precision, "--images", folder)
    assert sha256(tmp_path / "first.onnx") == sha256(tmp_path / "second.onnx")


def test_the_file_says_where_it_came_from(checkpoint, export, tmp_path):
    out = tmp_path / "encoder.onnx"
    words = ("--precision", "int8", "--calibrate", "32", "--name", "mine")
    assert not export(checkpoint, "--out", out, *words)
    said = {entry.key: json.loads(entry.value) for entry in onnx.load(out).metadata_props}
    assert said[METADATA_KEY]["name"] == Encoder(out, device="cpu").name == "mine"
    origin = said[PROVENANCE_KEY]
    assert origin["architecture"] == "vit_tiny_patch16_224"
    assert origin["checkpoint_sha256"] == sha256(checkpoint)
    assert origin["calibration"] == "32 drawn pictures"
    assert origin["versions"]["torch"] == torch.__version__


def test_a_transformer_of_timm_needs_no_checkpoint(export, tmp_path, capsys):
    out = tmp_path / "stock.onnx"
    words = (
        "--model",
        "vit_tiny_patch16_224",
        "--weights",
        "scratch",
        "--image-size",
        32,
        "--fit",
        "stretch",
    )
    assert not export(*words, "--out", out, "--calibrate", 32)
    served = Encoder(out, device="cpu")
    assert (served.preprocessing.size, served.preprocessing.fit) == (32, "stretch")
    assert served.dimension == 192
    assert "vicinal up --encoder" in capsys.readouterr().out


def test_weights_on_disk_come_with_the_models_own_preprocessing(export, tmp_path):
    torch.manual_seed(1)
    weights = timm.create_model("deit_tiny_patch16_224", img_size=32, num_classes=10)
    torch.save(weights.state_dict(), tmp_path / "deit.pth")
    out = tmp_path / "deit.onnx"
    words = ("--backbone", "deit_tiny_patch16_224", "--weights", tmp_path / "deit.pth", "--image-size", 32)
    assert not export(*words, "--out", out, "--calibrate", 32)
    served = Encoder(out, device="cpu")
    assert served.preprocessing.mean == pytest.approx((0.485, 0.456, 0.406))
    assert served.preprocessing.resize == "bicubic"
    image = served.input_of(Image.new("RGB", (50, 40), "teal"))
    with torch.inference_mode():
        exact = weights.eval().forward_head(
            weights.forward_features(torch.from_numpy(image)[None]), pre_logits=True
        )
    np.testing.assert_allclose(served.embed([image]), torch.nn.functional.normalize(exact).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("vit_base_patch16_224.augreg_in21k", "crop"),
        ("vit_base_patch16_clip_384.openai_ft_in1k", "stretch"),
        ("resnet50", "crop"),
        ("no_such_model.at_all", "crop"),
    ],
)
def test_pictures_become_square_as_timm_makes_them(name, fit):
    assert command._fit_of(name) == fit


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "either a checkpoint"),
        (["encoder.pt", "--model", "vit_tiny_patch16_224"], "either a checkpoint"),
        (["encoder.pt"], "there is no file encoder.pt"),
        (["encoder.pt", "--image-size", "32"], "go with --model"),
        (["--model", "resnet50"], "no vision transformer"),
        (["--model", "vit_no_such_224"], "timm"),
        (["--model", "vit_tiny_patch16_224", "--weights", "gone.pt"], "there is no file gone.pt"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(words, sentence, export, tmp_path, capsys):
    assert export(*words, "--out", tmp_path / "encoder.onnx") == 1
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--labels", "labels.npz"], "go with --images"),
        (["--images", "nowhere"], "there is no folder nowhere"),
    ],
)
def test_images_that_cannot_be_had_are_refused(words, sentence, checkpoint, export, tmp_path, capsys):
    assert export(checkpoint, *words, "--out", tmp_path / "encoder.onnx") == 1
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_that_fails_leaves_the_old_one(vit, export, tmp_path, capsys):
    state = vit.model.state_dict()
    broken = vit.model.blocks[0].mlp.fc1.weight
    before = broken.detach().clone()
    with torch.no_grad():
        broken.fill_(float("nan"))
    save_encoder(tmp_path / "encoder.pt", vit)
    with torch.no_grad():
        broken.copy_(before)
    out = tmp_path / "encoder.onnx"
    out.write_bytes(b"the old one")
    assert export(tmp_path / "encoder.pt", "--out", out, "--calibrate", 32) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert out.read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["encoder.onnx", "encoder.pt"]
    assert not any(tensor.isnan().any() for tensor in state.values())


def test_another_files_sidecar_is_not_inherited(checkpoint, export, tmp_path, capsys):
    out = tmp_path / "encoder.onnx"
    sidecar_of(out).write_text("{}")
    assert export(checkpoint, "--out", out) == 1
    assert "remove it first" in capsys.readouterr().err


def test_a_file_without_preprocessing_is_told_what_to_do(checkpoint, export, tmp_path):
    out = tmp_path / "encoder.onnx"
    assert not export(checkpoint, "--out", out, "--calibrate", 32)
    model = onnx.load(out)
    helper.set_model_props(model, {})
    onnx.save(model, out)
    with pytest.raises(EncoderError, match=r"(?s)vicinal export-encoder.*embed_service\.encoder\.describe"):
        Encoder(out, device="cpu")


def verdict(**changes):
    values = {
        "difference": 1e-6,
        "cosine": (1.0, 1.0),
        "agreement": 1.0,
        "accuracy": None,
        "milliseconds": 1.0,
    }
    return Verdict(**{**values, **changes})


@pytest.mark.parametrize(
    ("precision", "changes"),
    [
        (Precision.FLOAT32, {"difference": 1.1e-4}),
        (Precision.FLOAT32, {"difference": float("nan")}),
        (Precision.FLOAT16, {"cosine": (0.9989, 0.9999)}),
        (Precision.FLOAT16, {"cosine": (float("nan"), float("nan"))}),
    ],
)
def test_beyond_the_tolerance_nothing_is_written(precision, changes):
    with pytest.raises(TrainingError, match="nothing was written"):
        check(verdict(**changes), precision)


def test_within_the_tolerance_it_is():
    check(verdict(difference=9e-5), Precision.FLOAT32)
    check(verdict(difference=1e-2, cosine=(0.9991, 1.0)), Precision.FLOAT16)
    check(verdict(difference=1.0, cosine=(0.5, 0.9)), Precision.INT8)


def test_more_than_a_point_lost_is_said():
    assert doubts(verdict(accuracy=Accuracy(0.9, 0.8901)), Precision.INT8) == []
    (doubt,) = doubts(verdict(accuracy=Accuracy(0.9, 0.885)), Precision.INT8)
    assert "1.5 points" in doubt


def test_without_labels_int8_is_in_doubt():
    assert doubts(verdict(), Precision.FLOAT16) == []
    (doubt,) = doubts(verdict(), Precision.INT8)
    assert "--images" in doubt


def test_whitened_features_are_served(vit, checkpoint, folder, export, tmp_path, capsys):
    out = tmp_path / "encoder.onnx"
    assert not export(checkpoint, "--out", out, "--whiten", 5, "--images", folder)
    assert report(capsys.readouterr().out)["dimension"] == "5"
    served = Encoder(out, device="cpu")
    assert served.name == f"{vit.preprocessing.name}-w5"
    squares = of_source(find(folder), vit.preprocessing, print, fitted=150).fitted
    expected = whitened(vit, squares, 5)
    inputs = vit.preprocessing.normalised(squares)
    with torch.inference_mode():
        exact = torch.nn.functional.normalize(expected.model(torch.from_numpy(inputs))).numpy()
    np.testing.assert_allclose(served.embed(list(inputs)), exact, atol=1e-4)
    provenance = json.loads(onnx.load(out).metadata_props[1].value)
    assert provenance["whitening"] == "5 dimensions, 50 images"


def test_whitening_takes_images_and_enough_of_them(checkpoint, folder, export, tmp_path, capsys):
    out = tmp_path / "encoder.onnx"
    assert export(checkpoint, "--out", out, "--whiten", 5) == 1
    assert "--whiten go with --images" in capsys.readouterr().err
    assert export(checkpoint, "--out", out, "--whiten", 6, "--images", folder) == 1
    assert "takes 60 images, but there are 50" in capsys.readouterr().err
    assert not out.exists()
