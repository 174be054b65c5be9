"""One annotator at work on one dataset: what lies ready, what was said, what can be taken back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vicinal_client import (
    AsyncGraphClient,
    Label,
    LeaseTerms,
    NotFound,
    Suggestion,
    VicinalError,
)
from vicinal_page.settings import AUDIT_SHARE
from vicinal_page.statements import Statements

__all__ = ["LEASE_SECONDS", "Desk", "Undone"]

LEASE_SECONDS = 120.0
"""How long samples stay with an annotator whose page is gone without a word."""

_BATCH = 10
_LOW = 5
_NEIGHBOURS = 8
_UNDOS = 200
_SKIPPED = 500


@dataclass(frozen=True)
class Undone:
    """What was taken back.

    Attributes:
        label: the label that is no more.
        before: what the annotator had said before; None for nothing.
    """

    label: Label
    before: Label | None


@dataclass(frozen=True)
class _Step:
    label: Label
    before: Label | None
    item: Suggestion | None


class Desk:
    """What one annotator sees of a dataset. All calls come one after another.

    Args:
        client: of the graph service.
        dataset: its name.
        annotator: who works here.
        statements: what everybody has said.
    """

    def __init__(
        self, client: AsyncGraphClient, dataset: str, annotator: str, statements: Statements
    ) -> None:
        self.annotator = annotator
        self.present = 0
        self._client = client
        self._dataset = dataset
        self._statements = statements
        self._held: list[Suggestion] = []
        self._leases: dict[str, set[str]] = {}
        self._skipped: deque[str] = deque(maxlen=_SKIPPED)
        self._steps: deque[_Step] = deque(maxlen=_UNDOS)
        self._lock = asyncio.Lock()

    @property
    def held(self) -> Sequence[Suggestion]:
        """What lies ready, the next first."""
        return tuple(self._held)

    @property
    def undos(self) -> int:
        """How many labels may be taken back, one after another."""
        return len(self._steps)

    async def look(self) -> Sequence[Suggestion]:
        """Return what lies ready, after seeing to it that enough does."""
        async with self._lock:
            await self._fill()
            return self.held

    async def label(self, sample_id: str, class_name: str, *, settles: bool = False) -> int:
        """State a verified label; return its revision.

        Args:
            sample_id: the sample.
            class_name: what it is.
            settles: whether it answers a flag: then it is not doubted in its turn.
        """
        async with self._lock:
            before = await self._statements.of(sample_id, self.annotator)
            label = Label(sample_id, class_name, self.annotator)
            try:
                revision = await self._client.add_labels(self._dataset, [label])
            except NotFound:
                self._drop([sample_id])  # it was removed meanwhile
                raise
            await self._statements.said(label, revision)
            if settles:
                self._statements.settled(label)
            item = next((one for one in self._held if one.sample_id == sample_id), None)
            self._drop([sample_id])
            self._steps.append(_Step(label, before, item))
            return revision

    async def undo(self) -> Undone | None:
        """Take the last label back that was stated here; return what it was, or None if there was none."""
        async with self._lock:
            if not self._steps:
                return None
            step = self._steps[-1]
            if step.before is not None:
                revision = await self._client.add_labels(self._dataset, [step.before])
                await self._statements.said(step.before, revision)
            else:
                revision = 0
                with suppress(NotFound):  # somebody else has removed it
                    revision = await self._client.remove_labels(
                        self._dataset, [step.label.sample_id], annotator=self.annotator
                    )
                await self._statements.taken_back(step.label.sample_id, self.annotator, revision)
            self._steps.pop()
            self._statements.doubt_again(step.label.sample_id)
            if step.item is not None:
                self._held.insert(0, step.item)
            return Undone(step.label, step.before)

    async def skip(self, sample_id: str) -> None:
        """Lay a sample aside: it is not suggested here again, but to others."""
        async with self._lock:
            self._skipped.append(sample_id)
            await self._give_back([sample_id])
            self._drop([sample_id])

    async def renew(self) -> None:
        """Keep what lies ready from others for another while; what they have got meanwhile is put away."""
        async with self._lock:
            for lease, samples in list(self._leases.items()):
                try:
                    await self._client.renew_lease(self._dataset, lease, seconds=LEASE_SECONDS)
                except NotFound:
                    self._drop(samples)

    async def leave(self) -> None:
        """Give back what lies ready."""
        async with self._lock:
            with suppress(VicinalError):  # then it comes back by itself
                await self._give_back([one.sample_id for one in self._held])
            self._drop([one.sample_id for one in self._held])

    async def _fill(self) -> None:
        if len(self._held) > _LOW:
            return
        mine = [one.sample_id for one in self._held]
        found = await self._client.suggest(
            self._dataset,
            _BATCH - len(mine),
            audit_share=AUDIT_SHARE,
            exclude=[*mine, *self._skipped],
            evidence=_NEIGHBOURS,
            lease=LeaseTerms(self.annotator, LEASE_SECONDS),
            min_revision=self._statements.revision,
        )
        if found.lease is not None:
            self._leases[found.lease.id] = set(found.lease.sample_ids)
        self._held.extend(found)

    def _drop(self, sample_ids: Collection[str]) -> None:
        gone = set(sample_ids)
        self._held = [one for one in self._held if one.sample_id not in gone]
        left = {lease: samples - gone for lease, samples in self._leases.items()}
        self._leases = {lease: samples for lease, samples in left.items() if samples}

    async def _give_back(self, sample_ids: Collection[str]) -> None:
        for lease, samples in self._leases.items():
            if mine := samples.intersection(sample_ids):
                with suppress(NotFound):  # it has expired
                    await self._client.release_lease(self._dataset, lease, sorted(mine))
