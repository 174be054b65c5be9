"""AdamW, and what it decays."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from embed_service.training.byol.learner import Learner

__all__ = ["adamw"]


def adamw(learner: Learner, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW over what has a gradient; its learning rate is set before each step.

    Biases, normalisation and the backbone's tokens and positions are not decayed.
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for parameter, decays in _parameters(learner):
        (decayed if decays else kept).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0)


def _parameters(learner: Learner) -> Iterator[tuple[nn.Parameter, bool]]:
    exempt = getattr(learner.encoder, "no_weight_decay", set)
    spared = {f"encoder.{name}" for name in (exempt() if callable(exempt) else exempt)}
    for name, parameter in learner.named_parameters():
        if parameter.requires_grad:
            yield parameter, parameter.ndim > 1 and name not in spared
