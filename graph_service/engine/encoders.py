"""Moving a dataset to another encoder: stage a vector for every sample, then change over in one write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from graph_service.engine.core import Core
from graph_service.engine.requests import checks
from graph_service.engine.requests.vectors import to_keep
from graph_service.events import EncoderChanged, VectorsDiscarded, VectorsStaged

__all__ = ["EncoderCases"]


class EncoderCases(Core):
    """The use cases of a dataset's encoder."""

    def stage_vectors(
        self,
        name: str,
        request_id: str,
        *,
        sample_ids: Sequence[str],
        vectors: npt.NDArray[Any],
        encoder_digest: str,
        content_hashes: Sequence[bytes],
    ) -> int:
        """Take another encoder's vectors, (n, its dimension) float rows, for samples that exist."""
        dataset = self._datasets.get(name)
        self._rules.sample_ids(sample_ids)
        self._rules.encoder_digest(encoder_digest)
        rows = len(sample_ids)
        kept = to_keep(vectors, "vectors", rows, None)
        checks.in_range(kept.shape[1], "vectors.shape[1]", 1, self.limits.max_dimension)
        event = VectorsStaged(
            encoder_digest=encoder_digest,
            ids=tuple(sample_ids),
            vectors=kept,
            content_hashes=checks.content_hashes(content_hashes, rows),
        )
        return self._write(dataset, request_id, event)

    def change_encoder(self, name: str, request_id: str, encoder_digest: str) -> int:
        """Make the staged vectors the dataset's own."""
        dataset = self._datasets.get(name)
        self._rules.encoder_digest(encoder_digest)
        return self._write(dataset, request_id, EncoderChanged(encoder_digest))

    def discard_staged_vectors(self, name: str, request_id: str, encoder_digest: str) -> int:
        """Forget the staged vectors."""
        dataset = self._datasets.get(name)
        self._rules.encoder_digest(encoder_digest)
        return self._write(dataset, request_id, VectorsDiscarded(encoder_digest))
