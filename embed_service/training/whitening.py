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
from torch.nn import functional

from embed_service.training.backbones import Encoder
from embed_service.training.errors import TrainingError
from vicinal.imaging.preprocessing import Pixels

__all__ = ["IMAGES_A_DIMENSION", "Whitened", "Whitening", "whitened", "whitening"]

_BATCH = 32
_RIDGE = 1e-5
_NOTHING = 1e-10

IMAGES_A_DIMENSION = 10
"""Fewer images a dimension would whiten their noise."""


class Whitening(NamedTuple):
    """A map of features: x ↦ weight · (x − mean).

    The mean is taken off first: added up in the product it would drown what is small beside it.

    Attributes:
        mean: float32 (d,).
        weight: float32 (k, d).
    """

    mean: Tensor
    weight: Tensor


def whitening(features: Tensor, dimension: int) -> Whitening:
    """Fit the map that gives `features` a mean of zero and, in `dimension` directions, variances of one.

    The directions are those of the largest variance v. They are divided by √(v + 10⁻⁵ v_max), so that what is
    left of the last ones is not rounding. Takes O(n d² + d³).

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
    if not variances[-1] > _NOTHING * variances[0]:
        raise TrainingError(
            f"the features have fewer than {dimension} directions of their own: take fewer dimensions"
        )
    weight = (directions / (variances + _RIDGE * variances[0]).sqrt()).T
    return Whitening(mean.float(), weight.float())


def whitened(encoder: Encoder, squares: Pixels, dimension: int) -> Encoder:
    """Return `encoder` with features whitened to `dimension`, fitted to what it makes of `squares`.

    Args:
        encoder: on the CPU.
        squares: as the encoder sees them, uint8 (n, size, size, 3).
        dimension: see `whitening`.

    Raises:
        TrainingError: see `whitening`.
    """
    model = encoder.model.eval()
    with torch.inference_mode():
        features = [
            model(torch.from_numpy(encoder.preprocessing.normalised(squares[start : start + _BATCH])))
            for start in range(0, len(squares), _BATCH)
        ]
    return encoder._replace(model=Whitened(model, whitening(torch.cat(features), dimension)))


class Whitened(nn.Module):
    """A backbone whose features are whitened: (n, 3, size, size) → (n, k)."""

    mean: Tensor
    weight: Tensor

    def __init__(self, backbone: nn.Module, fitted: Whitening) -> None:
        super().__init__()
        self.backbone = backbone
        self.register_buffer("mean", fitted.mean)
        self.register_buffer("weight", fitted.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Return whitened features of normalised images."""
        return functional.linear(self.backbone(images) - self.mean, self.weight)
