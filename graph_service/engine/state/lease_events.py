"""What the events of leases need, and what they do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from graph_service.engine.state.labels import LabelTable
from graph_service.engine.state.leases import LeaseTable, SamplesTaken
from graph_service.events import LeaseEvent, LeaseReleased, LeaseRenewed, SamplesLeased
from vicinal.wire.errors import NotFound, ResourceExhausted

__all__ = ["apply", "check", "unknown_lease"]

_RETRY_AFTER = 5.0
"""Seconds after which some lease may have expired."""


def check(
    event: LeaseEvent, leases: LeaseTable, row_of: Mapping[str, int], labels: LabelTable, most: int
) -> None:
    """Refuse an event that does not fit the present state.

    Args:
        event: what is to happen.
        leases: the leases.
        row_of: the row of each sample there is.
        labels: the labels.
        most: samples that may be under live leases.

    Raises:
        SamplesTaken: samples to be leased are leased, hold a verified label or have left; or there are none;
            or the lease is there already.
        ServiceError: UNKNOWN_LEASE; QUEUE_FULL.
    """
    held = leases.get(event.lease_id, event.at)
    if not isinstance(event, SamplesLeased):
        if held is None:
            raise unknown_lease(event.lease_id, "lease_id")
        return
    rows = [(sample, row_of.get(sample)) for sample in event.sample_ids]
    taken = [
        sample for sample, row in rows if row is None or leases.has(row, event.at) or labels.is_verified(row)
    ]
    if taken or not rows or held is not None:
        raise SamplesTaken(taken)
    count = len(leases.rows(event.at)) + len(rows)
    if count > most:
        message = f"{count} samples would be under live leases; at most {most} may be"
        raise ResourceExhausted("QUEUE_FULL", message, retry_after=_RETRY_AFTER, limit=most)


def apply(event: LeaseEvent, leases: LeaseTable, row_of: Mapping[str, int]) -> None:
    """Carry out an event that was checked when it was written."""
    match event:
        case SamplesLeased(lease_id=lease, annotator=annotator, sample_ids=ids, at=now):
            samples = {row_of[sample]: sample for sample in ids}
            leases.take(lease, annotator, samples, now, now + event.time_to_live)
        case LeaseRenewed(lease_id=lease, at=now, time_to_live=time_to_live):
            leases.renew(lease, now, now + time_to_live)
        case LeaseReleased(lease_id=lease, sample_ids=ids):
            leases.release(lease, [row_of[sample] for sample in ids if sample in row_of] if ids else None)
        case _:
            assert_never(event)


def unknown_lease(lease_id: str, field: str) -> NotFound:
    """Return the refusal of a lease that does not live."""
    message = f"there is no live lease {lease_id!r}: it never was, or has expired, or holds nothing any more"
    return NotFound("UNKNOWN_LEASE", message, field=field, value=lease_id)
