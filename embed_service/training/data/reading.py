"""One file → one square of pixels, or the tiles of a sheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vicinal.imaging.decode import decode
from vicinal.imaging.preprocessing import Pixels, Preprocessing
from vicinal.imaging.refusals import ImageRefused

__all__ = ["Unreadable", "read_square", "read_tiles", "short_side"]


@dataclass(frozen=True)
class _Limits:
    """What one image may measure; more generous than the service's, for these are the user's own files."""

    max_image_bytes: int = 512 * 1024 * 1024
    max_pixels: int = 256_000_000


_LIMITS = _Limits()


class Unreadable(Exception):
    """One image cannot be read; the message names the file and says why."""


def read_square(path: Path, form: Preprocessing) -> Pixels:
    """Return the picture in `path` as the encoder would see it at `form.size`: uint8 (size, size, 3).

    Raises:
        Unreadable: it is damaged, too large, or in no known format.
    """
    try:
        return form.resized(decode(path.read_bytes(), _LIMITS))
    except (OSError, ImageRefused) as error:
        raise Unreadable(f"{path}: {error}") from error


def read_tiles(path: Path, side: int) -> Pixels:
    """Return the sheet's tiles row by row, uint8 (n, side, side, 3).

    Raises:
        Unreadable: it is damaged, too large, or in no known format.
    """
    try:
        sheet = np.asarray(decode(path.read_bytes(), _LIMITS))
    except (OSError, ImageRefused) as error:
        raise Unreadable(f"{path}: {error}") from error
    rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
    grid = sheet.reshape(rows, side, columns, side, 3).transpose(0, 2, 1, 3, 4)
    return grid.reshape(rows * columns, side, side, 3)


def short_side(path: Path) -> int:
    """Return the shorter side in pixels by the file's header; 0 where it cannot be read."""
    try:
        with Image.open(path) as image:
            return min(image.size)
    except (OSError, ValueError, Image.DecompressionBombError):
        return 0
