"""Images in files → vectors, through the embedding service."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from vicinal_cli.connect import Embedder
from vicinal_cli.errors import CliError
from vicinal_cli.files.folders import ImageFile
from vicinal_cli.files.vector_set import VectorSet
from vicinal_client import EmbedClient, Embedded, FailedPrecondition, Model, Progress

__all__ = ["Embedding", "in_order", "model_for"]


@dataclass
class Embedding:
    """The images of one command on their way through the service.

    Attributes:
        client: of the service.
        encoder_digest: of the one encoder that makes all vectors.
        refused: id and reason of the images that have no vector, so far.
    """

    client: Embedder
    encoder_digest: str
    refused: list[tuple[str, str]] = field(default_factory=list)

    def parts(
        self, images: Sequence[ImageFile], progress: Progress, size: int
    ) -> Iterator[tuple[list[ImageFile], VectorSet]]:
        """Yield the embedded images in their order, at most `size` at a time, with their vectors.

        A refused image is left out and noted in `refused`.

        Raises:
            CliError: every image was refused.
        """
        part: list[tuple[ImageFile, Embedded[int]]] = []
        yielded = False
        outcomes = self.client.embed_many(
            [(i, image.path) for i, image in enumerate(images)],
            encoder_digest=self.encoder_digest,
            progress=progress,
        )
        for outcome in in_order(outcomes):
            image = images[outcome.key]
            if outcome.error is not None:
                self.refused.append((image.id, outcome.error.message))
                continue
            part.append((image, outcome))
            if len(part) == size:
                yield self._whole(part)
                part, yielded = [], True
        if part:
            yield self._whole(part)
        elif not yielded:
            name, why = self.refused[0]
            raise CliError(f"none of {len(images)} images could be embedded", f"the first, {name}: {why}")

    def all(self, images: Sequence[ImageFile], progress: Progress) -> tuple[list[ImageFile], VectorSet]:
        """Return what `parts` yields, in one piece."""
        ((embedded, vectors),) = self.parts(images, progress, len(images))
        return embedded, vectors

    def _whole(self, part: Sequence[tuple[ImageFile, Embedded[int]]]) -> tuple[list[ImageFile], VectorSet]:
        vectors = np.stack([outcome.vector for _, outcome in part if outcome.vector is not None])
        hashes = [outcome.content_sha256 for _, outcome in part]
        images = [image for image, _ in part]
        return images, VectorSet([image.id for image in images], vectors, hashes, self.encoder_digest)


def model_for(client: Embedder, encoder_digest: str) -> Model:
    """Return the encoder of that digest where it is served, else the one that is served by default."""
    if encoder_digest and isinstance(client, EmbedClient):
        with suppress(FailedPrecondition):
            return client.model(encoder_digest)
    return client.model()


def in_order(outcomes: Iterable[Embedded[int]]) -> Generator[Embedded[int], None]:
    """Yield `outcomes`, whose keys are 0, 1, … in any order, by their keys. Holds those that are early."""
    early: dict[int, Embedded[int]] = {}
    due = 0
    for outcome in outcomes:
        early[outcome.key] = outcome
        while due in early:
            yield early.pop(due)
            due += 1
