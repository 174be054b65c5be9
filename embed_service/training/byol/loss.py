"""BYOL's loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["regression_loss", "symmetrised_loss"]


def regression_loss(prediction: Tensor, projection: Tensor) -> Tensor:
    """Return the mean over samples of ‖q̄ − z̄‖² = 2 − 2·cos(q, z), where a bar divides by the length.

    Args:
        prediction: q of the online network (n, d); the gradient flows through it.
        projection: z of the target network (n, d); no gradient flows through it.

    Returns:
        float32, in 0…4.
    """
    cosine = functional.cosine_similarity(prediction.float(), projection.detach().float(), dim=-1)
    return torch.mean(2 - 2 * cosine)


def symmetrised_loss(predictions: tuple[Tensor, Tensor], projections: tuple[Tensor, Tensor]) -> Tensor:
    """Return eq. 1: each view's prediction against the other view's projection, added up; in 0…8.

    Args:
        predictions: q of the first and of the second view, (n, d) each.
        projections: z of the first and of the second view, (n, d) each.
    """
    first, second = projections
    return regression_loss(predictions[0], second) + regression_loss(predictions[1], first)
