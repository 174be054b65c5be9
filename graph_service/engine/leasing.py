"""The use cases of a queue that several people share: what is suggested to one is leased to him."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from graph_service.engine.answers.suggesting import Suggestions
from graph_service.engine.core import Core
from graph_service.engine.dataset import Dataset
from graph_service.engine.requests import checks
from graph_service.engine.state.lease_events import unknown_lease
from graph_service.engine.state.leases import Held, Lease, SamplesTaken
from graph_service.events import LeaseReleased, LeaseRenewed, SamplesLeased
from vicinal.wire.errors import InvalidArgument

__all__ = ["LeaseCases", "LeaseTerms"]

Rows = npt.NDArray[np.int64]

_SHORTEST, _LONGEST = 1, 24 * 60 * 60
"""Seconds that a lease may live."""


@dataclass(frozen=True)
class LeaseTerms:
    """How suggested samples are leased.

    Attributes:
        annotator: for whom; may be empty.
        time_to_live: milliseconds.
        request_id: becomes the lease's id.
    """

    annotator: str
    time_to_live: int
    request_id: str


class _Choose(Protocol):
    """`suggestions` of one snapshot."""

    def __call__(
        self, *, exclude: Collection[str], leased: Rows = ..., among: Rows | None = None
    ) -> Suggestions: ...


class LeaseCases(Core):
    """Lease, renew, release, list; the arguments are those of `Core`."""

    def renew_lease(self, name: str, request_id: str, lease_id: str, time_to_live: int) -> Lease:
        """Give a live lease a new time to live, in milliseconds."""
        dataset = self._datasets.get(name)
        checks.request_id(lease_id, "lease_id")
        _check_time(time_to_live, "time_to_live")
        event = LeaseRenewed(lease_id, self._clock(), time_to_live)
        revision = self._write(dataset, request_id, event)
        held = dataset.leases.get(lease_id, self._clock())
        if held is None:  # its last sample was labelled meanwhile; or this repeats a renewal of long ago
            raise unknown_lease(lease_id, "lease_id")
        return Lease.of(held, revision)

    def release_lease(self, name: str, request_id: str, lease_id: str, sample_ids: Sequence[str]) -> int:
        """Give back these samples of a live lease, or all."""
        dataset = self._datasets.get(name)
        checks.request_id(lease_id, "lease_id")
        if sample_ids:
            checks.item_count(len(sample_ids), "sample_ids", self.limits.max_suggestions)
        for i, sample in enumerate(sample_ids):
            checks.text(sample, f"sample_ids[{i}]", self.limits.max_id_bytes)
        return self._write(dataset, request_id, LeaseReleased(lease_id, tuple(sample_ids), self._clock()))

    def list_leases(self, name: str, min_revision: int, annotator: str | None) -> tuple[int, list[Lease]]:
        """Return the live leases, for one annotator or all, and a revision by which they stand like this."""
        dataset = self._datasets.get(name)
        revision = dataset.revision
        checks.reached(min_revision, revision)
        found = dataset.leases.live(self._clock())
        wanted = [held for held in found if annotator is None or held.annotator == annotator]
        return revision, [Lease.of(held, revision) for held in wanted]

    def _leased(
        self, dataset: Dataset, terms: LeaseTerms, choose: _Choose, exclude: Collection[str]
    ) -> Suggestions:
        """Lease what `choose` chooses, or answer the repetition of such a call.

        Who comes meanwhile waits, for one choice and one write, so that no two are handed the same. Labels
        and removals do not wait; if one of them gets in between, what it concerns is left out and the rest
        is chosen again.
        """
        self._check_terms(terms)
        left_out = set(exclude)
        with dataset.leasing:
            while True:
                now = self._clock()
                held = dataset.leases.get(terms.request_id, now)
                if held is not None:
                    return _again(choose, held, terms, dataset.revision)
                found = choose(exclude=left_out, leased=dataset.leases.rows(now))
                ids = tuple(item.sample_id for item in found.items)
                event = SamplesLeased(terms.request_id, terms.annotator, ids, now, terms.time_to_live)
                try:
                    revision = self._write(dataset, terms.request_id, event)
                except InvalidArgument:
                    raise _reused(terms.request_id) from None
                except SamplesTaken as taken:
                    if not ids:  # nothing is left, and this repeats no request
                        return found
                    left_out.update(taken.sample_ids)
                    continue
                held = dataset.leases.get(terms.request_id, now)
                if held is None:
                    raise unknown_lease(terms.request_id, "lease.request_id")
                if tuple(held.samples.values()) != ids:
                    return _again(choose, held, terms, revision)
                return Suggestions(found.revision, found.items, Lease.of(held, revision))

    def _check_terms(self, terms: LeaseTerms) -> None:
        checks.request_id(terms.request_id, "lease.request_id")
        checks.text(terms.annotator, "lease.annotator", self.limits.max_id_bytes, empty=True)
        _check_time(terms.time_to_live, "lease.time_to_live")


def _again(choose: _Choose, held: Held, terms: LeaseTerms, revision: int) -> Suggestions:
    """Answer with what a lease still holds, scored anew."""
    if held.annotator != terms.annotator:
        raise _reused(terms.request_id)
    found = choose(exclude=(), among=np.array(list(held.samples), np.int64))
    return Suggestions(found.revision, found.items, Lease.of(held, revision))


def _reused(request_id: str) -> InvalidArgument:
    message = f"request_id {request_id!r} was used before: by others, for another time or to write"
    return InvalidArgument("REQUEST_ID_REUSED", message, field="lease.request_id", value=request_id)


def _check_time(time_to_live: int, field: str) -> None:
    checks.in_range(time_to_live / 1000, field, _SHORTEST, _LONGEST)
