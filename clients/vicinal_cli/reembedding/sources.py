"""Where the new vectors come from: images that are embedded now, or a file of vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vicinal_cli.connect import Embedder
from vicinal_cli.embedding import Embedding
from vicinal_cli.errors import CliError
from vicinal_cli.files.folders import ImageFile, scan
from vicinal_cli.files.vector_set import VectorSet
from vicinal_client import Progress

__all__ = ["Images", "Source", "Vectors", "rows_of"]

_PART = 1_000
"""Vectors that are staged together."""


class Source(Protocol):
    """New vectors by sample id."""

    @property
    def encoder_digest(self) -> str:
        """The encoder that makes them."""

    @property
    def refused(self) -> list[tuple[str, str]]:
        """Id and reason of those that are there and yet gave no vector, so far."""

    def ids(self) -> Collection[str]:
        """Return the ids of all that is there now."""

    def parts(self, ids: Sequence[str], progress: Progress) -> Iterator[VectorSet]:
        """Yield the vectors of these samples, of those that `ids` named, part by part."""


@dataclass
class Images:
    """The images below a folder, whose ids are their paths as in `vicinal add`, through the service."""

    root: Path
    client: Embedder
    encoder_digest: str
    refused: list[tuple[str, str]] = field(default_factory=list)
    _images: dict[str, ImageFile] = field(default_factory=dict)

    def ids(self) -> Collection[str]:
        """Return the ids of the images that are there now."""
        self._images = {image.id: image for image in scan(self.root).images}
        return self._images.keys()

    def parts(self, ids: Sequence[str], progress: Progress) -> Iterator[VectorSet]:
        """Yield the vectors of these images."""
        images = [self._images[name] for name in ids]
        embedding = Embedding(self.client, self.encoder_digest)
        try:
            for _, vectors in embedding.parts(images, progress, _PART):
                yield vectors
        except CliError:
            if len(embedding.refused) < len(images):
                raise
        finally:
            self.refused += embedding.refused


@dataclass
class Vectors:
    """Vectors that were made before."""

    found: VectorSet
    refused: list[tuple[str, str]] = field(default_factory=list)

    @property
    def encoder_digest(self) -> str:
        """The encoder that made them."""
        return self.found.encoder_digest

    def ids(self) -> Collection[str]:
        """Return the ids of the vectors."""
        return set(self.found.ids)

    def parts(self, ids: Sequence[str], progress: Progress) -> Iterator[VectorSet]:
        """Yield the vectors of these samples."""
        places = {name: i for i, name in enumerate(self.found.ids)}
        for start in range(0, len(ids), _PART):
            part = ids[start : start + _PART]
            yield rows_of(self.found, [places[name] for name in part])
            progress(start + len(part), len(ids))


def rows_of(found: VectorSet, rows: Sequence[int]) -> VectorSet:
    """Return the vectors in these rows."""
    hashes = found.content_sha256
    return VectorSet(
        [found.ids[i] for i in rows],
        found.vectors[list(rows)],
        None if hashes is None else [hashes[i] for i in rows],
        found.encoder_digest,
    )
