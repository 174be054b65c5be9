"""How far the embeddings are from collapse: all images in one point."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["ALARM", "CollapseAlarm", "spread"]

ALARM = 0.02
"""Below it an average pair of images has a cosine above 0.9996.

Small transformers from scratch settle at 0.04 to 0.05, in a narrow cone, and go on getting better there."""


@torch.no_grad()
def spread(features: Tensor) -> float:
    """Return the mean standard deviation of the unit vectors' dimensions, times √d; in 0…1.

    About 1 where the vectors point everywhere, 0 where they are all one: √(1 − c) for an average cosine of c.
    Source: Chen and He, "Exploring simple Siamese representation learning", CVPR 2021, section 4.1.

    Args:
        features: (n, d), n ≥ 2.
    """
    unit = functional.normalize(features.float(), dim=1)
    return float(unit.std(dim=0).mean() * unit.shape[1] ** 0.5)


class CollapseAlarm:
    """Rings when the spread was too small several times in a row.

    Args:
        patience: how often in a row; a young network may start with a small spread, and leaves it soon.
    """

    def __init__(self, patience: int = 5) -> None:
        self._patience = patience
        self._low = 0

    def heard(self, value: float) -> bool:
        """Take one more spread; return whether the alarm rings now (once, until the spread has recovered).

        A spread that is not a number counts as collapse.
        """
        self._low = 0 if value >= ALARM else self._low + 1
        return self._low == self._patience
