"""BYOL's two recipes, and what they make of a batch.

Source: Grill et al., "Bootstrap your own latent", appendix B and table 6: random crop, flip, colour jitter,
grey, blur, solarise, in that order. Three simplifications let a batch be done at once: a crop that would not
fit is cut to the image instead of drawn again, jitter is linear (see `colour`), and blur comes before the
colours, with which it commutes until they are cut.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from embed_service.training.views import colour, resampling

__all__ = ["DRAWS", "FIRST", "SECOND", "Recipe", "recipes", "view"]

# Below this side BYOL's blur, whose width goes with the side, is under half a pixel.
_LEAST_BLURRED = 64
_BLUR_SIGMA = (0.1, 2.0)  # at 224 pixels
_BLUR_SIDE = 224


@dataclass(frozen=True)
class Recipe:
    """How a view is drawn. Those without another remark are probabilities.

    Attributes:
        crop_scale: least and most of the image's area that a crop has, in (0, 1].
        crop_ratio: least and most of its width over its height.
        flip: left and right are exchanged.
        jitter: brightness, contrast, saturation and hue are shifted.
        strength: most that each of the four is shifted: factors 1 ± strength, for hue a share of a turn.
        grey: the colours are dropped.
        blur: Gaussian, σ in 0.1…2.0 pixels at 224, in proportion at other sizes; not done below 64.
        solarise: values above a half are turned over.
    """

    crop_scale: tuple[float, float] = (0.08, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.8
    strength: tuple[float, float, float, float] = (0.4, 0.4, 0.2, 0.1)
    grey: float = 0.2
    blur: float = 1.0
    solarise: float = 0.0


FIRST = Recipe()
"""BYOL's T."""
SECOND = replace(FIRST, blur=0.1, solarise=0.2)
"""BYOL's T'."""


def recipes(least_crop: float, flip: float) -> tuple[Recipe, Recipe]:
    """Return T and T' with the least area of a crop and the probability of a flip changed."""
    first, second = (
        replace(recipe, crop_scale=(least_crop, recipe.crop_scale[1]), flip=flip)
        for recipe in (FIRST, SECOND)
    )
    return first, second


class _Draws(NamedTuple):
    """Uniform numbers (n,) in [0, 1) by what they decide."""

    area: Tensor
    ratio: Tensor
    left: Tensor
    top: Tensor
    flip: Tensor
    jitter: Tensor
    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    hue: Tensor
    order_a: Tensor
    order_b: Tensor
    order_c: Tensor
    order_d: Tensor
    grey: Tensor
    blur: Tensor
    sigma: Tensor
    solarise: Tensor


DRAWS = len(_Draws._fields)
"""How many uniform numbers a view takes."""


def view(images: Tensor, recipe: Recipe, uniforms: Tensor, size: int) -> Tensor:
    """Return one view of each image.

    Args:
        images: uint8 (n, 3, side, side).
        recipe: how.
        uniforms: (n, DRAWS) in [0, 1), on the images' device; they alone decide.
        size: side of the views in pixels.

    Returns:
        float32 (n, 3, size, size) in 0…1.
    """
    draws = _Draws(*uniforms.unbind(dim=1))
    rows, columns = _box(images.shape[2], recipe, draws, size)
    if size >= _LEAST_BLURRED and recipe.blur:
        blur = _blur(recipe, draws, size)
        rows, columns = blur @ rows, blur @ columns
    pixels = resampling.resampled(images.float().div_(255), rows, columns)
    pixels = colour.recoloured(pixels, _colours(pixels.mean(dim=(2, 3)), recipe, draws))
    if recipe.solarise:
        turned = (draws.solarise < recipe.solarise)[:, None, None, None] & (pixels >= 0.5)
        pixels = torch.where(turned, 1 - pixels, pixels)
    return pixels


def _box(side: int, recipe: Recipe, draws: _Draws, size: int) -> tuple[Tensor, Tensor]:
    """Crop, resize and flip: the matrices of rows and of columns."""
    least, most = recipe.crop_scale
    area = side * side * (least + (most - least) * draws.area)
    flat, wide = (math.log(ratio) for ratio in recipe.crop_ratio)
    ratio = torch.exp(flat + (wide - flat) * draws.ratio)
    width, height = (length.sqrt().clamp(min=1, max=side).round() for length in (area * ratio, area / ratio))
    left = (draws.left * (side - width + 1)).floor()
    top = (draws.top * (side - height + 1)).floor()
    rows = resampling.resize_matrix(side, top, height, size)
    columns = resampling.resize_matrix(side, left, width, size)
    flipped = (draws.flip < recipe.flip)[:, None, None]
    return rows, torch.where(flipped, columns.flip(1), columns)


def _blur(recipe: Recipe, draws: _Draws, size: int) -> Tensor:
    least, most = (sigma * size / _BLUR_SIDE for sigma in _BLUR_SIGMA)
    blur = resampling.blur_matrix(least + (most - least) * draws.sigma, size)
    nothing = torch.eye(size, device=blur.device, dtype=blur.dtype)
    return torch.where((draws.blur < recipe.blur)[:, None, None], blur, nothing)


def _colours(mean: Tensor, recipe: Recipe, draws: _Draws) -> colour.ColourMap:
    factors = [draws.brightness, draws.contrast, draws.saturation, draws.hue]
    shifts = [strength * (2 * draw - 1) for strength, draw in zip(recipe.strength, factors, strict=True)]
    order = torch.stack([draws.order_a, draws.order_b, draws.order_c, draws.order_d], dim=1).argsort(dim=1)
    values = colour.Jitter(1 + shifts[0], 1 + shifts[1], 1 + shifts[2], shifts[3], order)
    colours = colour.identity(len(mean), mean)
    colours = _where(draws.jitter < recipe.jitter, colour.jitter(values, mean), colours)
    return _where(draws.grey < recipe.grey, colour.grey(colours), colours)


def _where(chosen: Tensor, then: colour.ColourMap, otherwise: colour.ColourMap) -> colour.ColourMap:
    return colour.ColourMap(
        torch.where(chosen[:, None, None], then.matrix, otherwise.matrix),
        torch.where(chosen[:, None], then.offset, otherwise.offset),
    )
