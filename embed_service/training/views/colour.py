"""Colour jitter and grey as one affine map of the colours for each image."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["ColourMap", "Jitter", "grey", "identity", "jitter", "recoloured"]

# ITU-R BT.601, as Pillow's and torchvision's grey.
_LUMA = (0.299, 0.587, 0.114)
_YIQ = (_LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


class ColourMap(NamedTuple):
    """colour → matrix · colour + offset, for each image.

    Attributes:
        matrix: (n, 3, 3).
        offset: (n, 3).
    """

    matrix: Tensor
    offset: Tensor


class Jitter(NamedTuple):
    """How each image's colours are shifted.

    Attributes:
        brightness: factors (n,), 1 changes nothing.
        contrast: factors (n,) of the distance from the image's mean grey, 1 changes nothing.
        saturation: factors (n,) of the distance from each pixel's grey, 1 changes nothing.
        hue: shares of a whole turn (n,), −0.5…0.5, 0 changes nothing.
        order: in which order the four, so numbered, are done: a permutation of 0…3 for each, int64 (n, 4).
    """

    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor
    order: Tensor


_CONTRAST = 1


def identity(count: int, like: Tensor) -> ColourMap:
    """Return the map that changes nothing, for `count` images."""
    matrix = torch.eye(3, device=like.device, dtype=like.dtype).repeat(count, 1, 1)
    return ColourMap(matrix, torch.zeros(count, 3, device=like.device, dtype=like.dtype))


def jitter(values: Jitter, mean: Tensor) -> ColourMap:
    """Return the four shifts, each image's in its own order, as one map.

    Hue turns the chroma plane of YIQ, which is linear (as in NVIDIA DALI's colour twist), instead of HSV's
    circle, and colours are cut to 0…1 once, at the end, instead of after each shift.

    Args:
        values: of n images.
        mean: colour of each image (n, 3).
    """
    count = len(mean)
    eye = torch.eye(3, device=mean.device, dtype=mean.dtype)
    luma = mean.new_tensor(_LUMA)
    to_grey = luma.expand(3, 3)
    factor = values.saturation[:, None, None]
    steps = torch.stack(
        [
            values.brightness[:, None, None] * eye,
            values.contrast[:, None, None] * eye,
            factor * eye + (1 - factor) * to_grey,
            _hue_turn(values.hue),
        ],
        dim=1,
    )
    matrix, offset = identity(count, mean)
    each = torch.arange(count, device=mean.device)
    for place in range(4):
        which = values.order[:, place]
        brightness_now = ((torch.einsum("nij,nj->ni", matrix, mean) + offset) * luma).sum(dim=1)
        step = steps[each, which]
        matrix = step @ matrix
        offset = torch.einsum("nij,nj->ni", step, offset)
        lift = (which == _CONTRAST) * (1 - values.contrast) * brightness_now
        offset = offset + lift[:, None]
    return ColourMap(matrix, offset)


def grey(colours: ColourMap) -> ColourMap:
    """Return `colours` followed by each pixel's grey."""
    to_grey = colours.matrix.new_tensor(_LUMA).expand(3, 3)
    return ColourMap(to_grey @ colours.matrix, colours.offset @ to_grey.T)


def recoloured(images: Tensor, colours: ColourMap) -> Tensor:
    """Return float (n, 3, height, width) with every pixel mapped and cut to 0…1."""
    flat = torch.baddbmm(colours.offset[:, :, None], colours.matrix, images.flatten(2))
    return flat.clamp_(0, 1).reshape(images.shape)


def _hue_turn(hue: Tensor) -> Tensor:
    """(n,) shares of a turn → (n, 3, 3)."""
    angle = hue * (2 * math.pi)
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(hue), torch.ones_like(hue)
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).reshape(-1, 3, 3)
    yiq = hue.new_tensor(_YIQ)
    back: Tensor = torch.linalg.inv(yiq)
    return back @ turn @ yiq
