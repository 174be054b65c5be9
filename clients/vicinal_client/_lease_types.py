"""Samples that one annotator holds for a while."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Lease", "LeaseTerms"]


@dataclass(frozen=True)
class LeaseTerms:
    """How suggested samples are leased.

    Attributes:
        annotator: for whom; may be empty for a single user.
        seconds: how long the lease lives unless it is renewed, 1 to 86,400.
        request_id: becomes the lease's id; empty makes one up. Repeated while the lease lives, for the same
            annotator and time to live, it is answered with those of its samples that are still held.
    """

    annotator: str = ""
    seconds: float = 600.0
    request_id: str = ""


@dataclass(frozen=True)
class Lease:
    """Samples that nobody else is handed while the lease lives.

    A sample leaves its lease with a verified label of whomever, when it is removed or released, and when the
    lease expires.

    Attributes:
        id: names it in its dataset.
        annotator: for whom.
        sample_ids: what it held when it was read, in the order in which it was suggested.
        expires: when it expires, by the service's clock; with a timezone, UTC.
        revision: a revision by which it stands like this.
    """

    id: str
    annotator: str
    sample_ids: tuple[str, ...]
    expires: datetime
    revision: int
