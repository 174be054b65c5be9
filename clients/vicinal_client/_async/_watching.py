"""Beliefs as they move, surviving streams that break."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import grpc

from vicinal.graph.v1 import graph_pb2
from vicinal_client import _graph_wire as wire
from vicinal_client._async._backend import answers, sleep
from vicinal_client._async._datasets import AsyncDatasetCalls
from vicinal_client._exceptions import ConnectionFailed, VicinalError, failure_of
from vicinal_client._watch_types import BeliefChanges

__all__ = ["AsyncWatchCalls"]


class AsyncWatchCalls(AsyncDatasetCalls):
    """Watch what a dataset's labels say."""

    async def watch_beliefs(
        self,
        dataset: str,
        *,
        min_change: float = 0.05,
        changes_only: bool = False,
        min_revision: int | None = None,
    ) -> AsyncGenerator[BeliefChanges, None]:
        """Yield what is believed now, then whatever moves, revision by revision, until it is closed.

        The service propagates the labels after each write and tells of the samples that moved. Who takes the
        items slowly gets fewer of them, each with all that moved since the one before. Where the connection
        is lost or the service restarts, the stream is opened again as `RetryPolicy` says, and the next item
        holds every sample (`is_whole`), whatever `changes_only` is. It has no timeout.

        Args:
            dataset: its name.
            min_change: a sample is told of when its class changed, or when its confidence moved by this much
                since it was last told, 0 to 1; at 0 any move counts.
            changes_only: begin with an item that holds no sample, and tell of what moves from there.
            min_revision: least revision to begin with; None means this client's newest.

        Raises:
            NotFound: UNKNOWN_DATASET, also when the dataset is deleted meanwhile.
            InvalidArgument: OUT_OF_RANGE.
            ResourceExhausted: QUEUE_FULL, too many watch already.
            ConnectionFailed: the stream broke and could not be opened again.
        """
        request = graph_pb2.WatchBeliefsRequest(
            dataset=dataset, min_change=min_change, changes_only=changes_only
        )
        repeats = 0
        while True:
            self._check_open()
            request.min_revision = self._revisions.least(dataset, min_revision)
            try:
                async with aclosing(self._one_watch(request)) as stream:
                    async for changes in stream:
                        repeats, request.changes_only = 0, False
                        yield changes
                failure: VicinalError = ConnectionFailed("OK", "the stream ended")
            except grpc.RpcError as error:
                failure = failure_of(error)
            delay = self._retry.delay(repeats, failure)
            if delay is None:
                raise failure
            repeats += 1
            await sleep(delay)

    async def _one_watch(self, request: graph_pb2.WatchBeliefsRequest) -> AsyncGenerator[BeliefChanges, None]:
        """Open a stream and yield its revisions, each as one."""
        is_whole = not request.changes_only
        call = self._stub.WatchBeliefs(request)
        parts: list[graph_pb2.WatchBeliefsResponse] = []
        try:
            async for part in answers(call):
                parts.append(part)
                if part.is_last:
                    self._revisions.saw(request.dataset, part.revision)
                    yield wire.belief_changes(parts, is_whole=is_whole)
                    parts, is_whole = [], False
        finally:
            call.cancel()
