"""An image's class: what the dataset believes of it, else what its neighbours vote."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from vicinal_client import EmbedClient, GraphClient

__all__ = ["Judge", "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """One image's class.

    Attributes:
        class_index: index among the dataset's classes; −1 when no label reaches it.
        confidence: belief in that class, 0 to 1.
    """

    class_index: int
    confidence: float


class Judge:
    """Judges encoded images by one dataset.

    Beliefs of all samples are read at once and kept, so an image of the dataset costs a look into a
    dictionary; any other costs one embedding and one vote. May be shared by threads.

    Args:
        graph: client of the graph service.
        embedder: client of the embedding service.
        dataset: its name.
        refresh: seconds after which to ask whether the dataset has changed.
        clock: seconds, from anywhere.
    """

    def __init__(
        self,
        graph: GraphClient,
        embedder: EmbedClient,
        dataset: str,
        *,
        refresh: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._graph = graph
        self._embedder = embedder
        self._refresh = refresh
        self._clock = clock
        self._lock = threading.Lock()
        found = graph.get_dataset(dataset)
        self._name, self._classes, self._encoder_digest = found.name, found.classes, found.encoder_digest
        self._revision = -1
        self._asked = 0.0
        self._known: dict[bytes, Verdict] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """The dataset's classes when the judge was made."""
        return self._classes

    def judge(self, image: bytes) -> Verdict:
        """Judge one image.

        Raises:
            ValueError: the image cannot be embedded; the text says why.
            VicinalError: a service refused or did not answer.
        """
        with self._lock:
            self._catch_up()
            known = self._known.get(hashlib.sha256(image).digest())
        return known or self._classified(image)

    def _catch_up(self) -> None:
        now = self._clock()
        if self._revision >= 0 and now - self._asked < self._refresh:
            return
        name, dataset = self._name, self._graph.get_dataset(self._name)
        revision, self._encoder_digest = dataset.revision, dataset.encoder_digest
        if revision != self._revision:
            samples = self._graph.list_samples(name, min_revision=revision)
            content = dict(zip(samples.ids, samples.content_sha256, strict=True))
            beliefs = self._graph.export_beliefs(name, min_revision=revision)
            columns = beliefs.sample_ids, beliefs.classes.tolist(), beliefs.confidences.tolist()
            self._known = {
                digest: Verdict(index, confidence)
                for sample, index, confidence in zip(*columns, strict=True)
                if (digest := content.get(sample))
            }
            self._revision = revision
        self._asked = now

    def _classified(self, image: bytes) -> Verdict:
        digest = self._encoder_digest
        embedded = self._embedder.embed([image], encoder_digest=digest)
        if error := embedded.errors[0]:
            raise ValueError(f"{error.reason}: {error.message}")
        found = self._graph.classify(self._name, embedded.vectors, encoder_digest=digest)
        return Verdict(int(found.classes[0]), float(found.confidences[0]))
