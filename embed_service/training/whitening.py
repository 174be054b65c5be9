"""Whitened features: decorrelated, and all of one variance.

Self-supervised features lie in a narrow cone: a few directions carry nearly all of the variance, and the
cosine of two images is mostly theirs. Whitening makes every direction count alike (Su et al., "Whitening
Sentence Representations", 2021; Ermolov et al. train with it, ICML 2021). It needs images, no labels, and
costs one small product at the encoder's end.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from embed_service.training.errors import TrainingError

__all__ = ["IMAGES_A_DIMENSION", "Whitened", "Whitening", "whitening"]

IMAGES_A_DIMENSION = 10
"""Fewer images a dimension would whiten their noise."""


class Whitening(NamedTuple):
    """An affine map of features.

    Attributes:
        weight: float32 (k, d).
        bias: float32 (k,).
    """

    weight: Tensor
    bias: Tensor


def whitening(features: Tensor, dimension: int) -> Whitening:
    """Fit the map that gives `features` a mean of zero and, in `dimension` directions, variances of one.

    The directions are those of the largest variance. Takes O(n d² + d³).

    Args:
        features: of images that are typical (n, d), float32 or float64.
        dimension: wanted, 2…d.

    Raises:
        TrainingError: `dimension` is out of range or there are too few images for it.
    """
    count, available = features.shape
    if not 2 <= dimension <= available:
        raise TrainingError(
            f"cannot whiten {available} features to {dimension}: 2 to {available} are possible"
        )
    if count < IMAGES_A_DIMENSION * dimension:
        raise TrainingError(
            f"whitening to {dimension} dimensions takes {IMAGES_A_DIMENSION * dimension} images, "
            f"but there are {count}: take fewer dimensions"
        )
    wide = features.double()
    mean = wide.mean(dim=0)
    variances, directions = torch.linalg.eigh(torch.cov(wide.T))
    variances, directions = variances[-dimension:].flip(0), directions[:, -dimension:].flip(1)
    if not variances[-1] > 1e-10 * variances[0]:
        raise TrainingError(
            f"the features have fewer than {dimension} directions of their own: take fewer dimensions"
        )
    weight = (directions / variances.sqrt()).T
    return Whitening(weight.float(), -(weight @ mean).float())


class Whitened(nn.Module):
    """A backbone whose features are whitened: (n, 3, size, size) → (n, k)."""

    def __init__(self, backbone: nn.Module, fitted: Whitening) -> None:
        super().__init__()
        self.backbone = backbone
        self.whitening = nn.Linear(fitted.weight.shape[1], fitted.weight.shape[0])
        self.whitening.weight.data.copy_(fitted.weight)
        self.whitening.bias.data.copy_(fitted.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return whitened features of normalised images."""
        features: Tensor = self.whitening(self.backbone(images))
        return features
