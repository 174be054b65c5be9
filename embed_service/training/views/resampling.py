"""Crop, resize, flip and blur along one side, as a matrix."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["blur_matrix", "resampled", "resize_matrix"]


def resize_matrix(side: int, start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return the bilinear, antialiased resampling of part of a side, as Pillow's `resize(box=…)` does it.

    Args:
        side: pixels there are.
        start: where the part begins, in pixels (n,), 0…side.
        length: how many pixels it has (n,), above 0, `start + length` ≤ side.
        size: pixels wanted.

    Returns:
        (n, size, side), rows sum to 1.
    """
    scale = (length / size)[:, None, None]
    wanted = torch.arange(size, device=start.device, dtype=start.dtype) + 0.5
    centre = start[:, None, None] + wanted[None, :, None] * scale
    pixel = torch.arange(side, device=start.device, dtype=start.dtype) + 0.5
    weight = (1 - (pixel - centre).abs() / scale.clamp(min=1)).clamp(min=0)
    return weight / weight.sum(dim=2, keepdim=True)


def blur_matrix(sigma: Tensor, size: int) -> Tensor:
    """Return the Gaussian blur of a side that is mirrored at its ends.

    Args:
        sigma: standard deviations in pixels (n,), above 0 and well below `size`.
        size: of the side in pixels.

    Returns:
        (n, size, size), rows sum to 1.
    """
    place = torch.arange(size, device=sigma.device, dtype=sigma.dtype)
    reflections = torch.stack([place, -1 - place, 2 * size - 1 - place])
    away = place[None, :, None] - reflections[:, None, :]
    weight = torch.exp(-((away / sigma[:, None, None, None]) ** 2) / 2).sum(dim=1)
    return weight / weight.sum(dim=2, keepdim=True)


def resampled(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return each image between its two matrices: rows · image · columnsᵀ, channel by channel.

    Args:
        images: float (n, 3, height, width).
        rows: (n, size, height).
        columns: (n, size, width).

    Returns:
        (n, 3, size, size).
    """
    count, channels, height, width = images.shape
    wide = torch.bmm(images.reshape(count, channels * height, width), columns.transpose(1, 2))
    tall = wide.reshape(count, channels, height, -1).transpose(1, 2).reshape(count, height, -1)
    return torch.bmm(rows, tall).reshape(count, rows.shape[1], channels, -1).transpose(1, 2)
