"""The images below a folder, with the ids and classes that their paths give them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vicinal_cli.errors import CliError

__all__ = ["SUFFIXES", "Folder", "ImageFile", "scan"]

SUFFIXES = (".gif", ".jpeg", ".jpg", ".png", ".webp")
"""Endings of the files that count as images, in any case."""


@dataclass(frozen=True)
class ImageFile:
    """One image.

    Attributes:
        id: its path below the folder, with "/" on every system.
        path: where it is.
        class_name: the sub-folder of the folder that it is in; None when it lies in the folder itself.
    """

    id: str
    path: Path
    class_name: str | None


@dataclass(frozen=True)
class Folder:
    """What was found below a folder.

    Attributes:
        root: the folder.
        images: in order of their ids.
        passed_over: how many other files there are (hidden ones not counted).
        refused: name and reason of images that cannot have an id.
    """

    root: Path
    images: tuple[ImageFile, ...]
    passed_over: int
    refused: tuple[tuple[str, str], ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the sub-folders that hold images, in order."""
        return tuple(sorted({image.class_name for image in self.images if image.class_name is not None}))


def scan(root: Path) -> Folder:
    """Find the images below `root`, or `root` itself if it is a file. Hidden files and folders are left out.

    Raises:
        CliError: there is no such place, or no image in it.
    """
    if not root.exists():
        raise CliError(f"{root}: no such file or folder")
    if root.is_file():
        return Folder(root.parent, (ImageFile(root.name, root, None),), 0, ())
    images: list[ImageFile] = []
    refused: list[tuple[str, str]] = []
    passed_over = 0
    for path in _files(root):
        if path.suffix.lower() not in SUFFIXES:
            passed_over += 1
            continue
        below = path.relative_to(root)
        name = below.as_posix()
        if _is_unicode(name):
            images.append(ImageFile(name, path, below.parts[0] if len(below.parts) > 1 else None))
        else:
            refused.append((ascii(name), "its name is not UTF-8"))
    if not images:
        raise CliError(
            f"{root}: no image in it",
            f"images are files that end in {', '.join(SUFFIXES)}; any depth will do",
        )
    return Folder(root, tuple(sorted(images, key=lambda image: image.id)), passed_over, tuple(refused))


def _files(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root, onerror=_raise):
        below[:] = [name for name in below if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith("."))


def _raise(error: OSError) -> None:
    raise error


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
