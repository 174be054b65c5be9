"""The user's images, or drawn ones: what to calibrate on, and what to judge by."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from embed_service.training.data.reading import Unreadable, read_square, read_tiles
from embed_service.training.data.source import Labels, Source
from embed_service.training.errors import TrainingError
from embed_service.training.export.pictures import pictures
from vicinal.imaging.preprocessing import Pixels, Preprocessing

__all__ = ["CALIBRATED", "JUDGED", "LEAST", "Examples", "drawn", "of_source"]

CALIBRATED = 256
JUDGED = 2000
LEAST = 32
"""Fewer images say nothing of an encoder."""

_DRAWN = 64
_SEED = 0
_JUDGE_SEED = 1_000_003


@dataclass(frozen=True)
class Examples:
    """Squares as the encoder sees them, uint8 (n, size, size, 3); none that is judged is among the others.

    Attributes:
        calibration: ranges of activations are taken from these.
        judged: the exported file is compared with torch on these.
        fitted: whitening is fitted to these; none where nothing is.
        labels: classes of the judged, int64 (n,), or None where they are not known.
        what: what they are, in a few words.
    """

    calibration: Pixels
    judged: Pixels
    fitted: Pixels
    labels: Labels | None
    what: str


def drawn(form: Preprocessing, calibrated: int = CALIBRATED) -> Examples:
    """Draw `calibrated` pictures and 64 more (see `pictures`); the same ones every time."""
    calibration, judged = (
        np.stack(list(pictures(count, form.size, seed)))
        for count, seed in ((calibrated, _SEED), (_DRAWN, _JUDGE_SEED))
    )
    return Examples(calibration, judged, calibration[:0], None, "drawn pictures")


def of_source(
    source: Source,
    form: Preprocessing,
    warn: Callable[[str], None],
    calibrated: int = CALIBRATED,
    judged: int = JUDGED,
    fitted: int = 0,
) -> Examples:
    """Take `calibrated` images and `judged` others at random, the same ones every time.

    Where there are not as many, half of them are judged at least.

    Args:
        source: what there is.
        form: the encoder's preprocessing.
        warn: is told in a sentence of images that are left out because they cannot be read.
        calibrated: how many to calibrate on.
        judged: how many to judge by.
        fitted: how many to fit whitening to, those to calibrate on among them.

    Raises:
        TrainingError: fewer than `LEAST` images, or than that can be read.
    """
    learnt = min(max(calibrated, fitted), source.count // 2)
    order = np.random.default_rng(_SEED).permutation(source.count)[: learnt + judged]
    squares = dict(_squares(source, np.sort(order), form, warn))
    taken = np.array([i for i in order if i in squares], dtype=np.int64)
    if len(taken) < LEAST:
        raise TrainingError(f"{len(taken)} images are too few to judge an encoder by: give at least {LEAST}")
    first, rest = np.stack([squares[i] for i in taken[:learnt]]), taken[learnt:]
    return Examples(
        first[:calibrated],
        np.stack([squares[i] for i in rest]),
        first[:fitted],
        None if source.labels is None else source.labels[rest],
        "images",
    )


def _squares(
    source: Source, chosen: npt.NDArray[np.int64], form: Preprocessing, warn: Callable[[str], None]
) -> Iterator[tuple[int, Pixels]]:
    """Yield the number and the square of each of the `chosen`, which ascend, that can be read."""
    if source.tile:
        yield from _tiles(source, source.tile, chosen, form)
        return
    numbers = chosen.tolist()
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        read = pool.map(lambda number: _square_or_why(source.files[number], form), numbers)
        for number, square in zip(numbers, read, strict=True):
            if isinstance(square, Unreadable):
                warn(f"left out: {square}")
            else:
                yield number, square


def _square_or_why(path: Path, form: Preprocessing) -> Pixels | Unreadable:
    try:
        return read_square(path, form)
    except Unreadable as error:
        return error


def _tiles(
    source: Source, side: int, chosen: npt.NDArray[np.int64], form: Preprocessing
) -> Iterator[tuple[int, Pixels]]:
    start = 0
    for path in source.files:
        try:
            tiles = read_tiles(path, side)
        except Unreadable as error:
            raise TrainingError(str(error)) from error
        for number in chosen[(chosen >= start) & (chosen < start + len(tiles))].tolist():
            yield number, form.resized(Image.fromarray(tiles[number - start]))
        start += len(tiles)
