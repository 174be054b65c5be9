"""Transformers of every family, weights from every place, and the file that keeps one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from embed_service.training.backbones import SCRATCH, BackboneSpec, build, load_encoder, save_encoder, spec_of
from embed_service.training.compat import timm
from embed_service.training.errors import TrainingError

TINY = BackboneSpec("vit_tiny_patch16_224", 16, 4, dimension=24, depth=2, heads=2, pool="avg")
NAMES = [
    "vit_tiny_patch16_224",
    "vit_small_patch14_dinov2",
    "beit_base_patch16_224",
    "beitv2_base_patch16_224",
    "deit_tiny_patch16_224",
    "deit3_small_patch16_224",
    "eva02_tiny_patch14_224",
]


def images(count: int = 2, size: int = 16) -> torch.Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_any_family_can_be_made_small(name: str, tmp_path: Path) -> None:
    spec = BackboneSpec(name, 16, patch_size=8, dimension=24, depth=1, heads=2)
    encoder = build(spec)
    assert encoder.model(images()).shape == (2, 24)
    assert encoder.model.num_features == 24
    assert encoder.preprocessing.size == 16
    assert encoder.preprocessing.mean == (0.5, 0.5, 0.5)
    save_encoder(tmp_path / "encoder.pt", encoder)
    again = load_encoder(tmp_path / "encoder.pt")
    assert torch.equal(again.model(images()), encoder.model.eval()(images()))


def test_a_saved_encoder_comes_back_whole(tmp_path: Path) -> None:
    encoder = build(TINY, fit="stretch")
    path = tmp_path / "encoder.pt"
    save_encoder(path, encoder)
    again = load_encoder(path)
    assert again.spec == TINY
    assert again.preprocessing == encoder.preprocessing
    assert again.preprocessing.name == "vit_tiny_patch16_224"
    assert torch.equal(again.model(images()), encoder.model.eval()(images()))
    assert not list(tmp_path.glob("*.partial"))
    begun = build(TINY, str(path))
    assert torch.equal(begun.model.eval()(images()), again.model(images()))
    assert begun.preprocessing == encoder.preprocessing


def test_a_convolutional_stem_comes_back_too(tmp_path: Path) -> None:
    spec = BackboneSpec(**asdict(TINY) | {"stem": "conv"})
    encoder = build(spec)
    encoder.model(images(8))
    save_encoder(tmp_path / "encoder.pt", encoder)
    again = load_encoder(tmp_path / "encoder.pt")
    assert again.spec == spec == spec_of(str(tmp_path / "encoder.pt"))
    assert torch.equal(again.model(images()), encoder.model.eval()(images()))
    for bad in (1, 3, 12):
        with pytest.raises(TrainingError, match=f"patch size {bad} is no power of 2"):
            build(BackboneSpec("vit_tiny_patch16_224", 24, bad, stem="conv"))


def test_timms_own_checkpoints_fill_an_encoder_of_another_size(tmp_path: Path) -> None:
    name = "vit_tiny_patch16_224"
    torch.manual_seed(3)
    published = timm.create_model(name, img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=2)
    torch.save(published.state_dict(), tmp_path / "timm.pth")
    spec = BackboneSpec(name, 16, 4, dimension=24, depth=2, heads=2)
    encoder = build(spec, str(tmp_path / "timm.pth"))
    features = published.eval().forward_head(published.forward_features(images()), pre_logits=True)
    torch.testing.assert_close(encoder.model.eval()(images()), features)
    larger = build(BackboneSpec(name, 32, 4, dimension=24, depth=2, heads=2), str(tmp_path / "timm.pth"))
    assert larger.model(images(size=32)).shape == (2, 24)
    assert torch.equal(larger.model.blocks[1].mlp.fc1.weight, published.blocks[1].mlp.fc1.weight)


def test_scratch_depends_on_the_seed_alone() -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(build(TINY).model.state_dict()["blocks.0.attn.qkv.weight"])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (BackboneSpec("resnet50"), "resnet50 is no vision transformer that can be trained here"),
        (BackboneSpec("vit_tiny_patch16_225"), "has no vit_tiny_patch16_225; near it: vit_tiny_patch16_224"),
        (BackboneSpec("vit_tiny_patch16_224", 33, 4), "image size 33 is no multiple of patch size 4"),
        (BackboneSpec("vit_tiny_patch16_224", dimension=25, heads=2), "cannot build vit_tiny_patch16_224"),
    ],
)
def test_what_cannot_be_built_is_refused(spec: BackboneSpec, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        build(spec, SCRATCH)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="there is no file"):
        build(TINY, str(tmp_path / "none.pt"))
    (tmp_path / "text.pt").write_text("not weights")
    with pytest.raises(TrainingError, match="cannot be read as weights"):
        build(TINY, str(tmp_path / "text.pt"))
    (tmp_path / "metrics.csv").write_text("step,epoch,loss\n0,0,1.5\n")
    with pytest.raises(TrainingError, match="cannot be read as weights"):
        build(TINY, str(tmp_path / "metrics.csv"))
    deeper = BackboneSpec(**asdict(TINY) | {"depth": 3})
    torch.save(build(TINY).model.state_dict(), tmp_path / "timm.pth")
    with pytest.raises(TrainingError, match=r"lacks 12 weights of the encoder, such as blocks\.2"):
        build(deeper, str(tmp_path / "timm.pth"))
    save_encoder(tmp_path / "encoder.pt", build(TINY))
    with pytest.raises(TrainingError, match="does not fit the encoder"):
        build(deeper, str(tmp_path / "encoder.pt"))
    with pytest.raises(TrainingError, match="is no encoder checkpoint"):
        load_encoder(tmp_path / "timm.pth")


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"spec": Payload(), "state": {}}, tmp_path / "encoder.pt")
    with pytest.raises(TrainingError, match="cannot be read as weights"):
        load_encoder(tmp_path / "encoder.pt")
    assert not (tmp_path / "ran").exists()
