"""Messages about leases <-> the client's own types."""

from __future__ import annotations

from datetime import UTC

from google.protobuf.duration_pb2 import Duration

from vicinal.graph.v1 import graph_pb2
from vicinal_client._bulk import new_request_id
from vicinal_client._lease_types import Lease, LeaseTerms

__all__ = ["duration", "lease", "lease_id", "terms"]


def duration(seconds: float) -> Duration:
    """Return `seconds` as a message, to the millisecond."""
    whole = Duration()
    whole.FromMilliseconds(round(seconds * 1000))
    return whole


def terms(wanted: LeaseTerms | None) -> graph_pb2.LeaseTerms | None:
    """Return the terms as a message, with a request id in any case."""
    if wanted is None:
        return None
    return graph_pb2.LeaseTerms(
        annotator=wanted.annotator,
        time_to_live=duration(wanted.seconds),
        request_id=new_request_id(wanted.request_id),
    )


def lease(message: graph_pb2.Lease) -> Lease:
    """Return the lease in `message`."""
    return Lease(
        id=message.id,
        annotator=message.annotator,
        sample_ids=tuple(message.sample_ids),
        expires=message.expire_time.ToDatetime(tzinfo=UTC),
        revision=message.revision,
    )


def lease_id(named: Lease | str) -> str:
    """Return the id of a lease that is given as itself or by its id."""
    return named if isinstance(named, str) else named.id
