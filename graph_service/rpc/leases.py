"""The RPCs about leases, and their messages."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from graph_service.engine.leasing import LeaseTerms
from graph_service.engine.state.leases import Lease
from graph_service.rpc.calls import Calls, Context
from vicinal.graph.v1 import graph_pb2 as pb

__all__ = ["LeaseCalls", "lease_to", "terms_from"]

_TIME_TO_LIVE = 10 * 60 * 1000


class LeaseCalls(Calls):
    """Renew, release and list leases; SuggestSamples makes them."""

    async def RenewLease(self, request: pb.RenewLeaseRequest, context: Context) -> pb.RenewLeaseResponse:
        wanted = request.time_to_live if request.HasField("time_to_live") else None
        asked = request.dataset, request.request_id, request.lease_id, _milliseconds(wanted)
        lease = await self._run(request, self._engine.renew_lease, *asked)
        return pb.RenewLeaseResponse(lease=lease_to(lease))

    async def ReleaseLease(
        self, request: pb.ReleaseLeaseRequest, context: Context
    ) -> pb.ReleaseLeaseResponse:
        asked = request.dataset, request.request_id, request.lease_id, request.sample_ids
        revision = await self._run(request, self._engine.release_lease, *asked)
        return pb.ReleaseLeaseResponse(revision=revision)

    async def ListLeases(self, request: pb.ListLeasesRequest, context: Context) -> pb.ListLeasesResponse:
        annotator = request.annotator if request.HasField("annotator") else None
        asked = request.dataset, request.min_revision, annotator
        revision, leases = await self._glance(request, self._engine.list_leases, *asked)
        return pb.ListLeasesResponse(revision=revision, leases=map(lease_to, leases))


def terms_from(request: pb.SuggestSamplesRequest) -> LeaseTerms | None:
    """Return how the suggested samples are to be leased, if they are."""
    if not request.HasField("lease"):
        return None
    terms = request.lease
    wanted = terms.time_to_live if terms.HasField("time_to_live") else None
    return LeaseTerms(terms.annotator, _milliseconds(wanted), terms.request_id)


def lease_to(lease: Lease) -> pb.Lease:
    """Return one lease."""
    message = pb.Lease(
        id=lease.id, annotator=lease.annotator, sample_ids=lease.sample_ids, revision=lease.revision
    )
    message.expire_time.FromMilliseconds(lease.expires)
    return message


def _milliseconds(wanted: Duration | None) -> int:
    return _TIME_TO_LIVE if wanted is None else wanted.ToMilliseconds()
