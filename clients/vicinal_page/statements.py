"""Who said what of which sample, as far as undoing and reviewing need it."""

from __future__ import annotations

import asyncio

from vicinal_client import AsyncGraphClient, Dataset, Flag, Label, Trust

__all__ = ["Statements"]


class Statements:
    """The labels of one dataset: read once, kept up with what is said here, read again if they do not add up.

    Takes memory for every label, and one ListLabels when first asked.

    Args:
        client: of the graph service.
        dataset: its name.

    Attributes:
        revision: of the newest label that was stated or taken back here. (The client's own memory of
            revisions outlives a dataset that somebody deletes and makes anew.)
    """

    def __init__(self, client: AsyncGraphClient, dataset: str) -> None:
        self.revision = 0
        self._client = client
        self._dataset = dataset
        self._labels: dict[str, dict[str, Label]] | None = None
        self._settled: set[tuple[str, str, str]] = set()
        self._lock = asyncio.Lock()

    async def of(self, sample_id: str, annotator: str) -> Label | None:
        """Return what this annotator said of a sample."""
        return (await self._known()).get(sample_id, {}).get(annotator)

    async def said(self, label: Label, revision: int) -> None:
        """Note a label that was written, and its revision."""
        self.revision = max(self.revision, revision)
        (await self._known()).setdefault(label.sample_id, {})[label.annotator] = label

    async def taken_back(self, sample_id: str, annotator: str, revision: int) -> None:
        """Note that a label was removed, at this revision."""
        self.revision = max(self.revision, revision)
        (await self._known()).get(sample_id, {}).pop(annotator, None)

    def verified(self, sample_id: str) -> str | None:
        """Return the class that somebody who looked has said, as far as is known; of several the last."""
        stated = [
            one for one in (self._labels or {}).get(sample_id, {}).values() if one.trust is Trust.VERIFIED
        ]
        return stated[-1].class_name if stated else None

    def settled(self, label: Label) -> None:
        """Note that a label was stated by somebody who knew that its sample's label was in doubt."""
        self._settled.add((label.sample_id, label.annotator, label.class_name))

    def doubt_again(self, sample_id: str) -> None:
        """Forget that doubt about this sample was settled."""
        self._settled = {key for key in self._settled if key[0] != sample_id}

    def is_open(self, flag: Flag) -> bool:
        """Whether nobody has looked at the flagged label since: after `agree`.

        Somebody has who stated it to settle a flag, or who else states a verified label of the sample.
        """
        label = flag.label
        if (label.sample_id, label.annotator, label.class_name) in self._settled:
            return False
        others = (self._labels or {}).get(label.sample_id, {})
        return not any(
            one.trust is Trust.VERIFIED and one.annotator != label.annotator for one in others.values()
        )

    async def agree(self, dataset: Dataset) -> None:
        """Read the labels again if they are not as many as the dataset has: somebody labels elsewhere too."""
        known = sum(map(len, (await self._known()).values()))
        if known != dataset.verified_label_count + dataset.given_label_count:
            async with self._lock:
                self._labels = None
            await self._known()

    async def _known(self) -> dict[str, dict[str, Label]]:
        async with self._lock:
            if self._labels is None:
                labels: dict[str, dict[str, Label]] = {}
                for label in (await self._client.list_labels(self._dataset, min_revision=0)).labels:
                    labels.setdefault(label.sample_id, {})[label.annotator] = label
                self._labels = labels
            return self._labels
