"""Pictures to calibrate on, drawn from a seed.

Quantisation needs the range of every activation on plausible images. Drawn ones carry no licence, are the
same everywhere and are none of the data that accuracy is measured on. They are "dead leaves": opaque shapes
of power-law sizes over one another, which share the edge and contrast statistics of photographs (Lee, Mumford
and Huang, "Occlusion Models for Natural Images", IJCV 2001), with 1/f texture inside the shapes.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Picture = npt.NDArray[np.uint8]

# Detail that small images have before they are enlarged to the encoder's input.
_SOURCE_SIDES = (28, 32, 64, 96, 128)
_MOST_LEAVES = 300


def pictures(count: int, size: int, seed: int) -> Iterator[Picture]:
    """Draw pictures of many kinds: sharp and enlarged, coloured and grey, busy and empty, dark and bright.

    Args:
        count: How many to draw.
        size: Side in pixels.
        seed: The same seed draws the same pictures.

    Yields:
        uint8 (size, size, 3), RGB.
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield _picture(rng, size)


def _picture(rng: np.random.Generator, size: int) -> Picture:
    leaves = _dead_leaves(rng, size)
    texture = _pink_noise(rng, size) * rng.uniform(0, 40)
    contrast, brightness = rng.uniform(0.5, 1.3), rng.uniform(-40, 40)
    values = (leaves - 128 + texture) * contrast + 128 + brightness
    if rng.random() < 0.25:
        values = np.broadcast_to(values.mean(axis=2, keepdims=True), values.shape)
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    side = min(int(rng.choice(_SOURCE_SIDES)), size)
    image = image.resize((side, side), Image.Resampling.BICUBIC).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    return np.asarray(image)


def _dead_leaves(rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Ellipses and polygons over one another, the largest not always at the back."""
    hues = rng.uniform(0, 255, (int(rng.integers(2, 12)), 3))
    image = Image.new("RGB", (size, size), _colour(rng, hues))
    draw = ImageDraw.Draw(image)
    leaves = round(_MOST_LEAVES ** rng.uniform())
    # Radii with density r^-3 make the statistics independent of scale; few leaves are large ones.
    radii = 0.35 * size / np.sqrt(leaves) / np.sqrt(1 - rng.uniform(0, 0.95, leaves))
    for radius in radii:
        centre = rng.uniform(0, size, 2)
        if rng.random() < 0.5:
            half = radius * rng.uniform(0.4, 1.0, 2)
            draw.ellipse([*(centre - half), *(centre + half)], fill=_colour(rng, hues))
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
            corners = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            draw.polygon([(float(x), float(y)) for x, y in corners], fill=_colour(rng, hues))
    return np.asarray(image, dtype=np.float64)


def _colour(rng: np.random.Generator, hues: npt.NDArray[np.float64]) -> tuple[int, int, int]:
    """A shade near one of the picture's hues."""
    red, green, blue = (hues[rng.integers(len(hues))] + rng.normal(0, 20, 3)).clip(0, 255).astype(int)
    return int(red), int(green), int(blue)


def _pink_noise(rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Noise of unit variance (size, size, 1) whose amplitude falls as 1/f."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) / frequency, s=(size, size))
    return np.asarray(noise / noise.std())[..., None]
