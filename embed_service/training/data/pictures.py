"""The images as squares of one side: all in memory where they fit, else read when asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from embed_service.training.data.reading import Unreadable, read_square, read_tiles, short_side
from embed_service.training.data.source import Labels, Source
from embed_service.training.errors import TrainingError
from vicinal.imaging.preprocessing import Pixels, Preprocessing

__all__ = ["HeldPictures", "LazyPictures", "Pictures", "SomePictures", "open_pictures", "split"]

# A crop of half the width still has the encoder's resolution or nearly so.
_SPARE = 1.5
_NAMED = 3


class Pictures(Protocol):
    """Squares of one side, by number."""

    labels: Labels | None
    """Their classes (n,), or None where they are not known."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def batch(self, indices: npt.NDArray[np.int64]) -> Tensor:
        """Return uint8 (len(indices), 3, side, side).

        Raises:
            TrainingError: an image cannot be read.
        """
        ...


class HeldPictures:
    """All in memory; `pixels` is uint8 (n, 3, side, side)."""

    def __init__(self, pixels: Tensor, labels: Labels | None) -> None:
        self._pixels = pixels
        self.labels = labels

    def __len__(self) -> int:
        return len(self._pixels)

    def batch(self, indices: npt.NDArray[np.int64]) -> Tensor:
        """See `Pictures`."""
        return self._pixels[torch.from_numpy(indices)]


class LazyPictures:
    """Read from their files when asked for, by several threads."""

    def __init__(self, files: tuple[Path, ...], form: Preprocessing, labels: Labels | None) -> None:
        self._files = files
        self._form = form
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count())
        self.labels = labels

    def __len__(self) -> int:
        return len(self._files)

    def batch(self, indices: npt.NDArray[np.int64]) -> Tensor:
        """See `Pictures`."""
        try:
            squares = self._pool.map(lambda i: read_square(self._files[i], self._form), indices)
            return torch.from_numpy(np.stack([square.transpose(2, 0, 1) for square in squares]))
        except Unreadable as error:
            raise TrainingError(f"{error}; mend the file, then resume") from error


class SomePictures:
    """Some of other pictures: number i is the others' number `chosen[i]`, int64 (n,)."""

    def __init__(self, pictures: Pictures, chosen: npt.NDArray[np.int64]) -> None:
        self._pictures = pictures
        self._chosen = chosen
        self.labels = None if pictures.labels is None else pictures.labels[chosen]

    def __len__(self) -> int:
        return len(self._chosen)

    def batch(self, indices: npt.NDArray[np.int64]) -> Tensor:
        """See `Pictures`."""
        return self._pictures.batch(self._chosen[indices])


def split(pictures: Pictures, held_out: int) -> tuple[Pictures, Pictures]:
    """Return what is trained on and what is probed: the same, or without overlap.

    Args:
        pictures: all of them.
        held_out: how many, drawn at random but always the same, are only probed; 0 trains on and probes all.

    Raises:
        TrainingError: there are not more than these.
    """
    if not held_out:
        return pictures, pictures
    if held_out >= len(pictures):
        raise TrainingError(f"{held_out} images cannot be held out of {len(pictures)}")
    order = np.random.default_rng(0).permutation(len(pictures))
    return SomePictures(pictures, np.sort(order[held_out:])), SomePictures(pictures, order[:held_out])


def open_pictures(
    source: Source, form: Preprocessing, max_bytes: int, warn: Callable[[str], None]
) -> Pictures:
    """Return the images, each as large as training needs it.

    Pictures are made square as `form` does for the encoder and kept at 1.5 times its size, or smaller where
    none of them is that large. Tiles stay as they are. In memory, unreadable images are left out and told of.

    Args:
        source: what there is.
        form: the encoder's preprocessing.
        max_bytes: of memory for the pixels; where they need more, pictures are read when asked for.
        warn: is told in a sentence what was left out.

    Raises:
        TrainingError: nothing is readable, or tiles need more memory than allowed.
    """
    if source.tile:
        _check_memory(source.count, source.tile, max_bytes)
        return HeldPictures(_all_tiles(source, source.tile), source.labels)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        sides = list(pool.map(short_side, source.files))
        side = min(max(sides), round(_SPARE * form.size))
        if side == 0:
            raise TrainingError(f"none of the {source.count} images can be read, such as {source.files[0]}")
        form = replace(form, size=side)
        if source.count * side * side * 3 > max_bytes:
            return LazyPictures(source.files, form, source.labels)
        return _held(source, side, pool.map(lambda path: _square_or_why(path, form), source.files), warn)


def _held(
    source: Source, side: int, squares: Iterable[Pixels | Unreadable], warn: Callable[[str], None]
) -> HeldPictures:
    # Each square is put in its place as it is read: a second copy would double the memory that was allowed.
    pixels = np.empty((source.count, 3, side, side), dtype=np.uint8)
    good: list[int] = []
    bad: list[str] = []
    for number, square in enumerate(squares):
        if isinstance(square, Unreadable):
            bad.append(str(square))
        else:
            pixels[len(good)] = square.transpose(2, 0, 1)
            good.append(number)
    if not good:
        raise TrainingError(f"none of the {source.count} images can be read, such as {bad[0]}")
    if bad:
        warn(f"{len(bad)} images cannot be read and are left out: {'; '.join(islice(bad, _NAMED))}")
    held = torch.from_numpy(pixels[: len(good)])
    return HeldPictures(held, None if source.labels is None else source.labels[good])


def _square_or_why(path: Path, form: Preprocessing) -> Pixels | Unreadable:
    try:
        return read_square(path, form)
    except Unreadable as error:
        return error


def _all_tiles(source: Source, side: int) -> Tensor:
    pixels = np.empty((source.count, 3, side, side), dtype=np.uint8)
    filled = 0
    for path in source.files:
        try:
            tiles = read_tiles(path, side)[: source.count - filled]
        except Unreadable as error:
            raise TrainingError(str(error)) from error
        pixels[filled : filled + len(tiles)] = tiles.transpose(0, 3, 1, 2)
        filled += len(tiles)
        if filled == source.count:
            break
    return torch.from_numpy(pixels)


def _check_memory(count: int, side: int, max_bytes: int) -> None:
    needed = count * side * side * 3
    if needed > max_bytes:
        raise TrainingError(
            f"{count} tiles of {side} need {needed / 2**30:.1f} GiB of memory, "
            f"{max_bytes / 2**30:.1f} are allowed: raise the limit or take fewer"
        )
