"""The calls about leases: what `suggest` handed out is renewed, given back, listed."""

from __future__ import annotations

from collections.abc import Sequence

from vicinal.graph.v1 import graph_pb2
from vicinal_client import _lease_wire as wire
from vicinal_client._async._datasets import AsyncDatasetCalls
from vicinal_client._bulk import new_request_id
from vicinal_client._lease_types import Lease

__all__ = ["AsyncLeaseCalls"]


class AsyncLeaseCalls(AsyncDatasetCalls):
    """Share a dataset's queue among several annotators.

    `suggest` with `LeaseTerms` leases what it returns; every suggestion heeds every live lease at once.
    Reads do not wait for the revisions of these writes, which change no belief.
    """

    async def renew_lease(
        self,
        dataset: str,
        lease: Lease | str,
        *,
        seconds: float = 600.0,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Lease:
        """Give a live lease a new time to live, from now on. Return it as it is then.

        Args:
            dataset: its name.
            lease: the lease, or its id.
            seconds: how long it lives from now on, 1 to 86,400.
            request_id: makes a repetition harmless; empty makes one up.
            timeout: seconds for the call; None takes the client's.

        Raises:
            NotFound: UNKNOWN_LEASE, it has expired or holds nothing any more; UNKNOWN_DATASET.
            InvalidArgument: OUT_OF_RANGE.
        """
        request = graph_pb2.RenewLeaseRequest(
            dataset=dataset,
            request_id=new_request_id(request_id),
            lease_id=wire.lease_id(lease),
            time_to_live=wire.duration(seconds),
        )
        response = await self._call(self._stub.RenewLease, request, timeout)
        return wire.lease(response.lease)

    async def release_lease(
        self,
        dataset: str,
        lease: Lease | str,
        sample_ids: Sequence[str] = (),
        *,
        request_id: str = "",
        timeout: float | None = None,
    ) -> int:
        """Give leased samples back, to be suggested again at once. Return the write's revision.

        Args:
            dataset: its name.
            lease: the lease, or its id.
            sample_ids: which of its samples, at most `GraphLimits.max_suggestions`; none means all. What it
                does not hold is passed over.
            request_id: makes a repetition harmless; empty makes one up.
            timeout: seconds for the call; None takes the client's.

        Raises:
            NotFound: UNKNOWN_LEASE, it has expired or holds nothing any more; UNKNOWN_DATASET.
        """
        request = graph_pb2.ReleaseLeaseRequest(
            dataset=dataset,
            request_id=new_request_id(request_id),
            lease_id=wire.lease_id(lease),
            sample_ids=sample_ids,
        )
        response = await self._call(self._stub.ReleaseLease, request, timeout)
        return response.revision

    async def leases(
        self, dataset: str, *, annotator: str | None = None, timeout: float | None = None
    ) -> tuple[Lease, ...]:
        """Return the live leases, in order of their making.

        Args:
            dataset: its name.
            annotator: only the leases for this annotator; None means everybody's.
            timeout: seconds for the call; None takes the client's.

        Raises:
            NotFound: UNKNOWN_DATASET.
        """
        request = graph_pb2.ListLeasesRequest(dataset=dataset, annotator=annotator)
        response = await self._call(self._stub.ListLeases, request, timeout)
        return tuple(wire.lease(one) for one in response.leases)
