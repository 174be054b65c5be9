"""Settings that are known to work, by name."""

from __future__ import annotations

from dataclasses import dataclass

from embed_service.training.backbones import PRETRAINED, SCRATCH, BackboneSpec
from embed_service.training.byol.heads import HeadSizes
from embed_service.training.loop.settings import Settings

__all__ = ["PRESETS", "Preset"]


@dataclass(frozen=True)
class Preset:
    """A backbone and how to train it.

    Attributes:
        what: one line for people.
        backbone: which.
        weights: that it begins with.
        settings: how.
    """

    what: str
    backbone: BackboneSpec
    weights: str
    settings: Settings


_PAPER_BACKBONE = BackboneSpec("beit_base_patch16_224")

PRESETS: dict[str, Preset] = {
    "cifar10": Preset(
        "the paper's for CIFAR-10: BEiT ViT-B/16, pretrained, at 224 pixels",
        _PAPER_BACKBONE,
        PRETRAINED,
        Settings(steps=3000, batch=64, learning_rate=2.3e-5, weight_decay=5e-4, tau=0.998, warm_up=300),
    ),
    "cifar100": Preset(
        "the paper's for CIFAR-100: BEiT ViT-B/16, pretrained, at 224 pixels",
        _PAPER_BACKBONE,
        PRETRAINED,
        Settings(steps=5000, batch=64, learning_rate=4.6e-5, weight_decay=2.1e-6, tau=0.9993, warm_up=500),
    ),
    "scratch-tiny": Preset(
        "from scratch on a CPU: a ViT of 32 pixels that is small enough for minutes to matter",
        BackboneSpec(
            "vit_tiny_patch16_224", 32, patch_size=8, dimension=192, depth=4, heads=3, pool="avg", stem="conv"
        ),
        SCRATCH,
        Settings(
            steps=5000,
            batch=64,
            learning_rate=1e-3,
            weight_decay=0.05,
            tau=0.98,
            warm_up=250,
            clip=3.0,
            heads=HeadSizes(1024, 128),
            least_crop=0.3,
        ),
    ),
}
