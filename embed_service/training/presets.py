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
    # For one GPU, and never run on one. Depth, patch and convolutional tokens are those with which small
    # transformers learn CIFAR from scratch under supervision (Hassani et al., "Escaping the Big Data
    # Paradigm with Compact Transformers", 2021: ViT-Lite-7/4), width and heads ViT-S's. The learning rate is
    # DINO's rule, 5e-4 · batch / 256, with its clipping; the weight decay lies between DINO's 0.04 and MoCo
    # v3's 0.1, the warm-up is half of MoCo v3's share (Caron et al.; Chen, Xie and He; both ICCV 2021). τ is
    # MoCo v3's, and what solo-learn takes for BYOL on CIFAR (da Costa et al., JMLR 2022), as are the heads;
    # it goes on for 1,000 epochs, this for 455 of 45,000 images. Crops from 0.2, as SimSiam's.
    "scratch-small": Preset(
        "from scratch on one GPU: a ViT of 32 pixels, as wide as ViT-S, for many small images",
        BackboneSpec(
            "vit_small_patch16_224",
            32,
            patch_size=4,
            dimension=384,
            depth=7,
            heads=6,
            pool="avg",
            stem="conv",
        ),
        SCRATCH,
        Settings(
            steps=40_000,
            batch=512,
            learning_rate=1e-3,
            weight_decay=0.05,
            tau=0.99,
            warm_up=2500,
            clip=3.0,
            least_crop=0.2,
        ),
    ),
}
