"""How good the encoder is now: the accuracy of a vote of nearest neighbours."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from embed_service.training.data.pictures import Pictures
from embed_service.training.views.resampling import resampled, resize_matrix
from vicinal.imaging.preprocessing import Preprocessing

__all__ = ["embedded", "knn_accuracy", "normalised", "probe"]

_NEIGHBOURS = 10
_TEMPERATURE = 0.1
_BATCH = 256


def probe(
    encoder: nn.Module,
    form: Preprocessing,
    pictures: Pictures,
    most: int,
    autocast: AbstractContextManager[None],
) -> float | None:
    """Return the leave-one-out accuracy on at most `most` images, always the same; None without labels.

    Args:
        encoder: as it is; it is put into evaluation mode and back.
        form: its preprocessing.
        pictures: with labels or without.
        most: at least 2.
        autocast: the precision to embed in.
    """
    if pictures.labels is None:
        return None
    chosen = np.random.default_rng(0).permutation(len(pictures))[:most]
    with autocast:
        vectors = embedded(encoder, form, pictures, chosen)
    return knn_accuracy(vectors, torch.from_numpy(pictures.labels[chosen]).to(vectors.device))


@torch.no_grad()
def embedded(
    encoder: nn.Module, form: Preprocessing, pictures: Pictures, chosen: npt.NDArray[np.int64]
) -> Tensor:
    """Return the unit vectors, float32 (len(chosen), d), of whole images, on the encoder's device."""
    device = next(encoder.parameters()).device
    training = encoder.training
    encoder.eval()
    vectors = []
    for start in range(0, len(chosen), _BATCH):
        pixels = pictures.batch(chosen[start : start + _BATCH]).to(device).float() / 255
        whole = torch.full((len(pixels),), float(pixels.shape[2]), device=device)
        sides = resize_matrix(pixels.shape[2], torch.zeros_like(whole), whole, form.size)
        features = encoder(normalised(resampled(pixels, sides, sides), form))
        vectors.append(functional.normalize(features.float(), dim=1))
    encoder.train(training)
    return torch.cat(vectors)


def knn_accuracy(vectors: Tensor, labels: Tensor) -> float:
    """Return the share of samples whose class wins the vote exp(cosine / 0.1) of their 10 nearest others.

    Args:
        vectors: unit vectors (n, d); takes n² floats of memory.
        labels: classes, int64 (n,).
    """
    similarity = vectors @ vectors.T
    similarity.fill_diagonal_(-torch.inf)
    nearest = similarity.topk(min(_NEIGHBOURS, len(vectors) - 1), dim=1)
    votes = torch.zeros(len(vectors), int(labels.max()) + 1, device=vectors.device)
    votes.scatter_add_(1, labels[nearest.indices], torch.exp(nearest.values / _TEMPERATURE))
    return float((votes.argmax(dim=1) == labels).float().mean())


def normalised(pixels: Tensor, form: Preprocessing) -> Tensor:
    """Return float (n, 3, size, size) in 0…1 as the encoder takes it."""
    mean = pixels.new_tensor(form.mean)[:, None, None]
    return (pixels - mean) / pixels.new_tensor(form.std)[:, None, None]
