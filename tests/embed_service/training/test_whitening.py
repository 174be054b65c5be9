"""Whitening: mean zero, covariance one, in the directions that vary most."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from embed_service.training.errors import TrainingError
from embed_service.training.whitening import Whitened, whitening


def features(count: int = 800, dimension: int = 6) -> torch.Tensor:
    """Correlated, around 5, with standard deviations from 1 down to a tenth."""
    draw = torch.Generator().manual_seed(3)
    turned, _ = torch.linalg.qr(torch.randn(dimension, dimension, generator=draw))
    scales = torch.logspace(0, -1, dimension)
    return torch.randn(count, dimension, generator=draw) * scales @ turned.T + 5


@pytest.mark.parametrize("dimension", [2, 4, 6])
def test_whitened_features_have_no_mean_and_no_correlation(dimension):
    given = features()
    map_ = whitening(given, dimension)
    made = (given - map_.mean) @ map_.weight.T
    assert made.shape == (800, dimension)
    torch.testing.assert_close(made.mean(dim=0), torch.zeros(dimension), atol=1e-3, rtol=0)
    torch.testing.assert_close(torch.cov(made.T), torch.eye(dimension), atol=3e-3, rtol=0)


def test_the_directions_of_the_largest_variance_are_kept():
    draw = torch.Generator().manual_seed(0)
    given = torch.randn(1000, 3, generator=draw) * torch.tensor([1.0, 100.0, 10.0])
    kept = whitening(given, 2).weight.abs().argmax(dim=1)
    assert kept.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("count", "dimension", "why"),
    [(800, 1, "2 to 6"), (800, 7, "2 to 6"), (59, 6, "takes 60 images, but there are 59")],
)
def test_what_cannot_be_whitened_is_refused(count, dimension, why):
    with pytest.raises(TrainingError, match=why):
        whitening(features(count), dimension)


def test_features_that_repeat_each_other_are_refused():
    given = features(dimension=3)
    with pytest.raises(TrainingError, match="fewer than 4 directions"):
        whitening(torch.cat([given, given], dim=1), 4)


def test_a_whitened_backbone_gives_whitened_features():
    given = features()
    fitted = whitening(given, 4)
    model = Whitened(nn.Identity(), fitted)
    torch.testing.assert_close(model(given), (given - fitted.mean) @ fitted.weight.T)
