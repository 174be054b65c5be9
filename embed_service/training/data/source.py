"""What images there are, and their labels where they are known.

A folder's images are all files of a known ending, at any depth, in the order of their paths. Where all lie in
sub-folders, the first of these names the class. With `tile`, each file is a sheet of equal square tiles, read
row by row, and the labels come from a file of their own. Labels never reach training: only the probe asks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from PIL import Image

from embed_service.training.errors import TrainingError

__all__ = ["ENDINGS", "Labels", "Source", "find"]

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif")

Labels = npt.NDArray[np.int64]
"""Class numbers (n,), one an image, in the source's order."""


@dataclass(frozen=True)
class Source:
    """Images on disk.

    Attributes:
        files: in order; pictures, or sheets of tiles.
        tile: side of a sheet's tiles in pixels, or None where each file is one picture.
        count: how many images there are, tiles counted singly.
        labels: their classes, or None where they are not known.
        classes: names of the classes, in the order of their numbers.
    """

    files: tuple[Path, ...]
    tile: int | None
    count: int
    labels: Labels | None
    classes: tuple[str, ...]


def find(
    folder: Path, tile: int | None = None, labels: Path | None = None, count: int | None = None
) -> Source:
    """Find the images below `folder`.

    Args:
        folder: where to look.
        tile: side of a sheet's tiles in pixels.
        labels: of the images in order: `.npz` with `label` (n,) and, if known, `classes`, or `.json` with
            `{"labels": [n numbers], "classes": [names]}`. Without it sub-folders are classes.
        count: take only so many, from the first.

    Raises:
        TrainingError: there is no such folder or nothing in it, a sheet is not made of such tiles, or the
            labels are not readable or not as many as the images.
    """
    if not folder.is_dir():
        raise TrainingError(f"there is no folder {folder}")
    files = tuple(
        path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS and path.is_file()
    )
    if not files:
        raise TrainingError(f"{folder} holds no images ({', '.join(ENDINGS)})")
    found = sum(_tiles(path, tile) for path in files) if tile else len(files)
    taken = min(found, count or found)
    if labels is not None:
        numbers, classes = _stated(labels, found)
    elif tile:
        numbers, classes = None, ()
    else:
        numbers, classes = _classes_of(folder, files)
    if not tile:
        files = files[:taken]
    return Source(files, tile, taken, None if numbers is None else numbers[:taken], classes)


def _tiles(path: Path, side: int) -> int:
    try:
        with Image.open(path) as sheet:
            width, height = sheet.size
    except OSError as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    if width % side or height % side:
        raise TrainingError(f"{path} has {width} × {height} pixels, which is no grid of tiles of {side}")
    return (width // side) * (height // side)


def _classes_of(folder: Path, files: tuple[Path, ...]) -> tuple[Labels | None, tuple[str, ...]]:
    below = [path.relative_to(folder).parts for path in files]
    if any(len(parts) == 1 for parts in below):
        return None, ()
    names, numbers = np.unique([parts[0] for parts in below], return_inverse=True)
    if len(names) < 2:
        return None, ()
    return numbers.astype(np.int64), tuple(str(name) for name in names)


def _stated(path: Path, count: int) -> tuple[Labels, tuple[str, ...]]:
    try:
        values: Any = json.loads(path.read_text()) if path.suffix == ".json" else np.load(path)
        column = values["labels"] if path.suffix == ".json" else values["label"]
        numbers = np.asarray(column, dtype=np.int64)
        classes = tuple(str(name) for name in values.get("classes", ()))
    except (OSError, KeyError, IndexError, ValueError, TypeError, BadZipFile) as error:
        raise TrainingError(
            f"{path} cannot be read as labels (.npz with `label`, .json with `labels`): {error}"
        ) from error
    if numbers.shape != (count,):
        raise TrainingError(f"{path} holds {numbers.size} labels for {count} images")
    if numbers.min() < 0:
        raise TrainingError(f"{path} holds the label {numbers.min()}, expected numbers from 0")
    return numbers, classes
