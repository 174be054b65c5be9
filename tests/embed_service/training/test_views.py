"""Views: against Pillow and torchvision where those do the same, and what must hold of any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from embed_service.training.compat import timm  # first: it makes torchvision importable
from embed_service.training.views import colour
from embed_service.training.views.randomness import uniforms
from embed_service.training.views.recipes import DRAWS, FIRST, SECOND, Recipe, recipes, view
from embed_service.training.views.resampling import blur_matrix, resampled, resize_matrix

assert timm
from torchvision.transforms.v2 import functional as reference  # noqa: E402

ORDERS = torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]])
PLAIN = Recipe(crop_scale=(1, 1), crop_ratio=(1, 1), flip=0, jitter=0, grey=0, blur=0, solarise=0)


def pictures(count: int, side: int, seed: int = 0) -> Tensor:
    """Smooth, so that resampling has something to agree on."""
    noise = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(noise, (side, side), mode="bicubic", align_corners=False)
    return (smooth.clamp(0, 1) * 255).round().to(torch.uint8)


def draws(count: int, seed: int = 0, epoch: int = 0, which: int = 0) -> Tensor:
    return torch.from_numpy(uniforms(seed, epoch, which, np.arange(count), DRAWS))


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 40), st.integers(2, 40), st.data())
def test_resizing_a_box_is_pillows(side: int, size: int, data) -> None:
    width, height = (data.draw(st.integers(2, side)) for _ in range(2))
    left, top = data.draw(st.integers(0, side - width)), data.draw(st.integers(0, side - height))
    picture = pictures(1, side)
    rows = resize_matrix(side, torch.tensor([float(top)]), torch.tensor([float(height)]), size)
    columns = resize_matrix(side, torch.tensor([float(left)]), torch.tensor([float(width)]), size)
    ours = resampled(picture.float(), rows, columns)[0]
    image = Image.fromarray(picture[0].permute(1, 2, 0).numpy())
    box = (left, top, left + width, top + height)
    theirs = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    # Pillow rounds to whole numbers after the columns and again after the rows.
    np.testing.assert_allclose(ours.permute(1, 2, 0).numpy(), np.asarray(theirs), atol=1.6)


def test_blur_is_a_gaussian_with_mirrored_ends() -> None:
    sigma, size = 1.3, 64
    image = torch.rand(1, 3, size, size)
    matrix = blur_matrix(torch.tensor([sigma]), size)
    ours = resampled(image, matrix, matrix)
    # torchvision mirrors without repeating the outermost pixel, so the ends differ.
    theirs = reference.gaussian_blur(image, [23, 23], [sigma, sigma])
    torch.testing.assert_close(ours[..., 12:-12, 12:-12], theirs[..., 12:-12, 12:-12], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(blur_matrix(torch.tensor([0.1]), 32)[0], torch.eye(32))


@pytest.mark.parametrize("order", ORDERS.tolist())
def test_jitter_is_torchvisions_while_no_colour_is_cut(order: list[int]) -> None:
    image = 0.4 + 0.2 * pictures(1, 9).float() / 255
    brightness, contrast, saturation = 1.2, 0.7, 1.15
    values = colour.Jitter(
        torch.tensor([brightness]),
        torch.tensor([contrast]),
        torch.tensor([saturation]),
        torch.zeros(1),
        torch.tensor([order]),
    )
    ours = colour.recoloured(image, colour.jitter(values, image.mean(dim=(2, 3))))
    theirs = image
    for step in order:
        if step == 0:
            theirs = reference.adjust_brightness(theirs, brightness)
        elif step == 1:
            theirs = reference.adjust_contrast(theirs, contrast)
        elif step == 2:
            theirs = reference.adjust_saturation(theirs, saturation)
    # torchvision's grey has weights of four decimals.
    torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0)


def test_a_turn_of_hue_keeps_brightness_and_greys_and_comes_round() -> None:
    image = 0.4 + 0.2 * pictures(2, 9).float() / 255
    one, none = torch.ones(2), torch.zeros(2)

    def turned(pixels: Tensor, share: float) -> Tensor:
        values = colour.Jitter(one, one, one, none + share, ORDERS[:2])
        return colour.recoloured(pixels, colour.jitter(values, pixels.mean(dim=(2, 3))))

    grey = colour.recoloured(image, colour.grey(colour.identity(2, image)))
    torch.testing.assert_close(grey, reference.rgb_to_grayscale(image, 3), atol=2e-4, rtol=0)
    torch.testing.assert_close(turned(grey, 0.1), grey, atol=1e-3, rtol=0)
    a_third = turned(image, 1 / 3)
    assert (a_third - image).abs().max() > 0.01
    torch.testing.assert_close(
        a_third.mean(dim=(2, 3)) @ torch.tensor([0.299, 0.587, 0.114]),
        image.mean(dim=(2, 3)) @ torch.tensor([0.299, 0.587, 0.114]),
        atol=1e-3,
        rtol=0,
    )
    torch.testing.assert_close(turned(turned(a_third, 1 / 3), 1 / 3), image, atol=1e-3, rtol=0)


def test_a_view_that_changes_nothing_is_the_picture() -> None:
    images = pictures(4, 24)
    torch.testing.assert_close(view(images, PLAIN, draws(4), 24), images.float() / 255, atol=1e-5, rtol=0)
    flipped = view(images, replace(PLAIN, flip=1.0), draws(4), 24)
    torch.testing.assert_close(flipped, images.float().flip(3) / 255, atol=1e-5, rtol=0)
    solarised = view(images, replace(PLAIN, solarise=1.0), draws(4), 24)
    torch.testing.assert_close(solarised, reference.solarize(images.float() / 255, 0.5), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [16, 64])
def test_a_view_depends_on_its_address_alone(size: int) -> None:
    images = pictures(6, 20)
    numbers = np.array([5, 3, 11, 0, 8, 2])
    together = torch.from_numpy(uniforms(7, 2, 1, numbers, DRAWS))
    batch = view(images, SECOND, together, size)
    for place, number in enumerate(numbers):
        alone = torch.from_numpy(uniforms(7, 2, 1, np.array([number]), DRAWS))
        torch.testing.assert_close(view(images[place : place + 1], SECOND, alone, size)[0], batch[place])
    for other in (
        uniforms(8, 2, 1, numbers, DRAWS),
        uniforms(7, 3, 1, numbers, DRAWS),
        uniforms(7, 2, 0, numbers, DRAWS),
    ):
        assert (view(images, SECOND, torch.from_numpy(other), size) != batch).flatten(1).any(dim=1).all()


@pytest.mark.parametrize("change", ["flip", "jitter", "grey", "blur", "solarise"])
def test_views_are_changed_as_often_as_the_recipe_says(change: str) -> None:
    count, size = 500, 64  # smaller ones are not blurred
    images = pictures(1, size).expand(count, -1, -1, -1)

    def changed(probability: float) -> float:
        shown = view(images, replace(PLAIN, **{change: probability}), draws(count), size)
        return ((shown - images.float() / 255).abs() > 1e-4).flatten(1).any(dim=1).float().mean().item()

    # A blur of a small part of a pixel is not to be seen.
    assert changed(1.0) > 0.5
    assert changed(0.3) / changed(1.0) == pytest.approx(0.3, abs=0.07)


def test_views_are_pictures_of_the_size_asked_for() -> None:
    count = 3000
    images = pictures(1, 16).expand(count, -1, -1, -1)
    for recipe in recipes(least_crop=0.2, flip=0.5):
        shown = view(images, recipe, draws(count), 8)
        assert shown.shape == (count, 3, 8, 8)
        assert 0 <= shown.min() <= shown.max() <= 1
        grey = (shown.std(dim=1) < 1e-5).flatten(1).all(dim=1).float().mean().item()
        assert grey == pytest.approx(recipe.grey, abs=0.03)


def test_the_recipes_are_byols() -> None:
    assert Recipe((0.08, 1.0), (3 / 4, 4 / 3), 0.5, 0.8, (0.4, 0.4, 0.2, 0.1), 0.2, 1.0, 0.0) == FIRST
    assert replace(FIRST, blur=0.1, solarise=0.2) == SECOND


def test_uniforms_are_uniform_and_differ_by_every_part_of_their_address() -> None:
    base = uniforms(1, 2, 3, np.arange(4000), 5)
    assert base.min() >= 0
    assert base.max() < 1
    counts, _ = np.histogram(base, bins=20, range=(0, 1))
    assert abs(counts / base.size - 0.05).max() < 0.006
    assert abs(np.corrcoef(base.T) - np.eye(5)).max() < 0.06
    assert abs(np.corrcoef(base[:-1, 0], base[1:, 0])[0, 1]) < 0.06
    seen = {uniforms(*address, np.array([0]), 1).item() for address in np.ndindex(5, 5, 5)}
    assert len(seen) == 125
