"""A convolutional stem for small vision transformers.

A plain transformer cuts the picture into patches and multiplies each by one matrix. Where images and steps
are few, a few narrow convolutions in its place learn several times faster (Xiao et al., "Early Convolutions
Help Transformers See Better", NeurIPS 2021); the blocks behind it are the same.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from embed_service.training.compat import timm

__all__ = ["ConvStem"]


class ConvStem(timm.layers.PatchEmbed):  # type: ignore[misc]
    """Tokens from log2(patch_size) convolutions of stride 2, each twice as wide as the one before.

    Takes timm's arguments of a patch embedding and gives the same shape, (n, tokens, dimension).

    Raises:
        ValueError: the patch size is no power of two, or 1.
    """

    def __init__(
        self, *, patch_size: int, embed_dim: int, in_chans: int = 3, bias: bool = True, **arguments: Any
    ) -> None:
        super().__init__(
            patch_size=patch_size, embed_dim=embed_dim, in_chans=in_chans, bias=bias, **arguments
        )
        halvings = patch_size.bit_length() - 1
        if halvings < 1 or patch_size != 1 << halvings:
            raise ValueError(
                f"a convolutional stem halves the side: patch size {patch_size} is no power of 2"
            )
        widths = [in_chans, *(embed_dim >> (halvings - 1 - i) for i in range(halvings))]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [
                nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        self.proj = nn.Sequential(*layers, nn.Conv2d(embed_dim, embed_dim, 1, bias=bias))
