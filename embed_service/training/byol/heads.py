"""The projector g and the predictor q: perceptrons with one hidden layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

__all__ = ["HeadSizes", "perceptron"]


@dataclass(frozen=True)
class HeadSizes:
    """Widths of projector and predictor; the defaults are BYOL's.

    Attributes:
        hidden: units of the hidden layer of both, at least 1.
        output: units of the projection, in which the loss is taken, at least 1.
    """

    hidden: int = 4096
    output: int = 256


def perceptron(inputs: int, sizes: HeadSizes) -> nn.Sequential:
    """Return linear → batch normalisation → ReLU → linear: (n, inputs) → (n, sizes.output), for n ≥ 2."""
    return nn.Sequential(
        nn.Linear(inputs, sizes.hidden),
        nn.BatchNorm1d(sizes.hidden),
        nn.ReLU(inplace=True),
        nn.Linear(sizes.hidden, sizes.output),
    )
