"""Small copies of the images below a folder, for browsers."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL.Image import Resampling

from vicinal.imaging.decode import decode

__all__ = ["SIZES", "SUFFIXES", "Images", "NoImage", "Thumbnail"]

SIZES = (160, 800)
"""Longest sides, in pixels, that may be asked for; smaller images keep their size."""
SUFFIXES = (".gif", ".jpeg", ".jpg", ".png", ".webp")

_LOSSLESS_PIXELS = 128 * 128
_CACHE_BYTES = 64 * 1024 * 1024
_DECODERS = 2


@dataclass(frozen=True)
class _Limits:
    """As the embedding service delivers them."""

    max_image_bytes: int = 16 * 1024 * 1024
    max_pixels: int = 50_000_000


class NoImage(Exception):
    """There is no image of that id: no such file, or one that must not be read."""


@dataclass(frozen=True)
class Thumbnail:
    """An encoded picture.

    Attributes:
        data: PNG or JPEG.
        media_type: which of them.
        etag: changes when the file does.
    """

    data: bytes
    media_type: str
    etag: str


class Images:
    """The images below a folder, by the ids that `vicinal add` gives them: their paths.

    Args:
        root: the folder. What links lead out of it to is not shown.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._cache: OrderedDict[str, Thumbnail] = OrderedDict()
        self._cached_bytes = 0
        self._turn = asyncio.Semaphore(_DECODERS)

    async def thumbnail(self, sample_id: str, size: int) -> Thumbnail:
        """Return the image of a sample, its longer side at most `size` pixels; one of `SIZES`.

        Raises:
            NoImage: there is none.
            ImageRefused: it is over the limits, or damaged.
        """
        path, etag = self.find(sample_id, size)
        if etag in self._cache:
            self._cache.move_to_end(etag)
            return self._cache[etag]
        async with self._turn:
            data, media_type = await asyncio.to_thread(_small, path, size)
        return self._kept(Thumbnail(data, media_type, etag))

    def find(self, sample_id: str, size: int) -> tuple[Path, str]:
        """Return the file of a sample, and the tag that its small copy of this size has while it is the same.

        Raises:
            NoImage: there is no such file below the folder, or it is hidden or does not end as images do.
        """
        parts = PurePosixPath(sample_id).parts
        is_plain = all(part[0] not in "./" and "\\" not in part and "\0" not in part for part in parts)
        if not parts or not is_plain or not sample_id.lower().endswith(SUFFIXES):
            raise NoImage(sample_id)
        try:
            path = self._root.joinpath(*parts).resolve(strict=True)
            stat = path.stat()
        except (OSError, ValueError, RuntimeError) as error:
            raise NoImage(sample_id) from error
        if not path.is_relative_to(self._root) or not path.is_file():
            raise NoImage(sample_id)
        known = f"{path}\0{stat.st_mtime_ns}\0{stat.st_size}\0{size}"
        return path, f'"{hashlib.sha256(os.fsencode(known)).hexdigest()[:32]}"'

    def _kept(self, made: Thumbnail) -> Thumbnail:
        if made.etag not in self._cache:
            self._cache[made.etag] = made
            self._cached_bytes += len(made.data)
        while self._cached_bytes > _CACHE_BYTES:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= len(oldest.data)
        return made


def _small(path: Path, size: int) -> tuple[bytes, str]:
    """Return the small copy of an image, and its media type."""
    limits = _Limits()
    with path.open("rb") as file:
        picture = decode(file.read(limits.max_image_bytes + 1), limits)
    buffer = BytesIO()
    is_icon = picture.width * picture.height <= _LOSSLESS_PIXELS
    if max(picture.size) > size:
        picture.thumbnail((size, size), Resampling.LANCZOS)
    if is_icon:
        picture.save(buffer, "PNG")
        return buffer.getvalue(), "image/png"
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue(), "image/jpeg"
