"""The online and the target network, and what one step does with them."""

from __future__ import annotations

from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from embed_service.training.byol.heads import HeadSizes, perceptron
from embed_service.training.byol.loss import symmetrised_loss

__all__ = ["Learner", "Step"]


class Step(NamedTuple):
    """What the online network made of one batch.

    Attributes:
        loss: eq. 1, a float32 scalar with a gradient.
        features: the encoder's, of both views (2n, dimension), detached: what would be served.
    """

    loss: Tensor
    features: Tensor


class Learner(nn.Module):
    """Online network (encoder, projector, predictor) and target network (encoder, projector).

    The target begins as a copy and gets no gradient. Both are in training mode, so that batch normalisation
    uses each batch's own statistics in both, as BYOL does.

    Args:
        encoder: (n, 3, size, size) → (n, dimension).
        dimension: of the encoder's features.
        sizes: of the heads.
    """

    def __init__(self, encoder: nn.Module, dimension: int, sizes: HeadSizes) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = perceptron(dimension, sizes)
        self.predictor = perceptron(sizes.output, sizes)
        self.target_encoder = deepcopy(encoder).requires_grad_(False)
        self.target_projector = deepcopy(self.projector).requires_grad_(False)

    def forward(self, first: Tensor, second: Tensor) -> Step:
        """Return the loss of two views of the same images, (n, 3, size, size) each, n ≥ 2."""
        both = torch.cat([first, second])
        features = self.encoder(both)
        # The heads' batch normalisation must see one view at a time, so only the encoder takes both at once.
        online = [self.projector(half) for half in features.chunk(2)]
        predictions = (self.predictor(online[0]), self.predictor(online[1]))
        with torch.no_grad():
            target = self.target_encoder(both)
            projections = [self.target_projector(half) for half in target.chunk(2)]
        loss = symmetrised_loss(predictions, (projections[0], projections[1]))
        return Step(loss, features.detach())

    @torch.no_grad()
    def update_target(self, tau: float) -> None:
        """Move the target: ξ ← τ·ξ + (1 − τ)·θ, for every weight; 0 ≤ `tau` ≤ 1."""
        pairs = ((self.target_encoder, self.encoder), (self.target_projector, self.projector))
        for target, online in pairs:
            for old, new in zip(target.parameters(), online.parameters(), strict=True):
                old.lerp_(new, 1 - tau)
