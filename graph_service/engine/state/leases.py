"""Who holds which samples, and until when.

What the table holds follows from the log alone: an expired lease is forgotten in passing by the times that
stand in the events, never by a clock, for a renewal that a replay has yet to come to may still concern it.
Who reads says what time it is, and sees live leases only.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Held", "Lease", "LeaseTable", "SamplesTaken"]

Rows = npt.NDArray[np.int64]

_NONE: Rows = np.zeros(0, np.int64)
_NEVER = 2**63


class SamplesTaken(Exception):
    """Some of the samples to be leased cannot be, since something came between; choose others.

    It never leaves the engine.

    Attributes:
        sample_ids: which.
    """

    def __init__(self, sample_ids: Collection[str]) -> None:
        super().__init__(f"taken meanwhile: {', '.join(sample_ids)}")
        self.sample_ids = sample_ids


@dataclass(frozen=True)
class Held:
    """A lease as it was at one moment.

    Attributes:
        lease_id: its id.
        annotator: for whom.
        samples: what it still holds, row → sample id, in the order in which it was suggested.
        expires: milliseconds since 1970.
    """

    lease_id: str
    annotator: str
    samples: Mapping[int, str]
    expires: int


@dataclass(frozen=True)
class Lease:
    """A lease as callers see it; the contract's `Lease` says what each field means.

    Attributes:
        expires: milliseconds since 1970.
    """

    id: str
    annotator: str
    sample_ids: list[str]
    expires: int
    revision: int

    @classmethod
    def of(cls, held: Held, revision: int) -> Lease:
        """Return a lease that stands like this by the revision."""
        return cls(held.lease_id, held.annotator, list(held.samples.values()), held.expires, revision)


@dataclass(eq=False)
class _Lease:
    annotator: str
    expires: int
    samples: dict[int, str]


@dataclass(frozen=True)
class _Live:
    """The rows under live leases, as they stay from one moment to another unless something happens."""

    rows: Rows = field(default_factory=lambda: _NONE)
    since: int = 0
    until: int = _NEVER


class LeaseTable:
    """The leases of one dataset. Thread-safe: one thread changes it, others read.

    A sample, a row of the tables, has one holder at most. Changes take O(1) a sample and O(log leases);
    `rows` O(1) while nothing changes or expires, else O(leased samples). Times are milliseconds since 1970.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leases: dict[str, _Lease] = {}
        self._holder: dict[int, str] = {}
        # A heap. An entry of a lease that is over, or was renewed, is void.
        self._by_expiry: list[tuple[int, str]] = []
        self._live = _Live()

    def take(self, lease_id: str, annotator: str, samples: Mapping[int, str], at: int, expires: int) -> None:
        """Lease samples; who holds one of them otherwise, which only an expired lease does, lets it go."""
        with self._lock:
            self._forget(at)
            for row in samples:
                self._detach(row)
            self._leases[lease_id] = _Lease(annotator, expires, dict(samples))
            self._holder.update(dict.fromkeys(samples, lease_id))
            self._expire(lease_id, expires)

    def renew(self, lease_id: str, at: int, expires: int) -> None:
        """Let a lease that is there expire at another time."""
        with self._lock:
            self._leases[lease_id].expires = expires
            self._forget(at)
            self._expire(lease_id, expires)

    def release(self, lease_id: str, rows: Collection[int] | None) -> None:
        """Let go of those of these samples that the lease holds; None means all."""
        with self._lock:
            for row in list(self._leases[lease_id].samples) if rows is None else rows:
                if self._holder.get(row) == lease_id:
                    self._detach(row)

    def drop(self, row: int) -> None:
        """Let go of a sample, if anyone holds it."""
        if row in self._holder:
            with self._lock:
                self._detach(row)

    def get(self, lease_id: str, now: int) -> Held | None:
        """Return a lease, if it lives."""
        with self._lock:
            lease = self._leases.get(lease_id)
            return _held(lease_id, lease) if lease is not None and lease.expires > now else None

    def live(self, now: int) -> list[Held]:
        """Return the live leases, in order of their making."""
        with self._lock:
            return [_held(name, lease) for name, lease in self._leases.items() if lease.expires > now]

    def has(self, row: int, now: int) -> bool:
        """Say whether a sample is under a live lease."""
        with self._lock:
            holder = self._holder.get(row)
            return holder is not None and self._leases[holder].expires > now

    def rows(self, now: int) -> Rows:
        """Return the samples under live leases, int64, in no particular order."""
        live = self._live
        if not live.since <= now < live.until:
            with self._lock:
                live = self._live = self._living(now)
        return live.rows

    def _living(self, now: int) -> _Live:
        leases = [lease for lease in self._leases.values() if lease.expires > now]
        rows = np.fromiter((row for lease in leases for row in lease.samples), np.int64)
        return _Live(rows, now, min((lease.expires for lease in leases), default=_NEVER))

    def _expire(self, lease_id: str, expires: int) -> None:
        heapq.heappush(self._by_expiry, (expires, lease_id))
        self._changed()

    def _forget(self, at: int) -> None:
        """Forget what had expired at this time."""
        while self._by_expiry and self._by_expiry[0][0] <= at:
            expires, lease_id = heapq.heappop(self._by_expiry)
            lease = self._leases.get(lease_id)
            if lease is not None and lease.expires == expires:
                for row in list(lease.samples):
                    self._detach(row)

    def _detach(self, row: int) -> None:
        """Take a sample off its lease; one that holds nothing any more is over."""
        lease_id = self._holder.pop(row, None)
        if lease_id is not None:
            lease = self._leases[lease_id]
            del lease.samples[row]
            if not lease.samples:
                del self._leases[lease_id]
            self._changed()

    def _changed(self) -> None:
        self._live = _Live(since=_NEVER)  # of no moment


def _held(lease_id: str, lease: _Lease) -> Held:
    return Held(lease_id, lease.annotator, dict(lease.samples), lease.expires)
