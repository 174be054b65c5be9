"""Images become samples as they are embedded."""

from __future__ import annotations

from collections.abc import AsyncIterable

import numpy as np

from vicinal_client._async._writes import AsyncWriteCalls
from vicinal_client._embed_types import Embedded, ImageError
from vicinal_client._list_types import AddedImages

__all__ = ["AsyncImageCalls"]

_PART = 500
"""Images that are written together: what an interruption costs at most."""


class AsyncImageCalls(AsyncWriteCalls):
    """Add embedded images."""

    async def add_embedded(
        self, dataset: str, outcomes: AsyncIterable[Embedded[str]], *, timeout: float | None = None
    ) -> AddedImages:
        """Add images as samples, or replace those that exist (their labels stay), 500 at a time.

        Args:
            dataset: its name.
            outcomes: what `embed_many` of an embedding client yields; the keys are the sample ids.
            timeout: seconds for each request; None takes the client's.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, DATASET_FULL.
            InvalidArgument: DUPLICATE_ID, MALFORMED.
            NotFound: UNKNOWN_DATASET.
            VicinalError: what `outcomes` raise. What was written before any of these stays.
        """
        added: list[str] = []
        refused: dict[str, ImageError] = {}
        part: list[Embedded[str]] = []
        async for outcome in outcomes:
            if outcome.error is not None:
                refused[outcome.key] = outcome.error
                continue
            if len(part) == _PART or (part and part[0].encoder_digest != outcome.encoder_digest):
                added += await self._add_part(dataset, part, timeout)
                part = []
            part.append(outcome)
        if part:
            added += await self._add_part(dataset, part, timeout)
        return AddedImages(tuple(added), refused)

    async def _add_part(self, dataset: str, part: list[Embedded[str]], timeout: float | None) -> list[str]:
        ids = [outcome.key for outcome in part]
        await self.add_samples(
            dataset,
            ids,
            np.stack([outcome.vector for outcome in part if outcome.vector is not None]),
            encoder_digest=part[0].encoder_digest,
            content_sha256=[outcome.content_sha256 for outcome in part],
            timeout=timeout,
        )
        return ids
