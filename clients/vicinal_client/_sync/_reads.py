"""The calls that read: propagate, suggest, estimate the accuracy, classify, export."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import numpy.typing as npt

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import pack
from vicinal_client import _graph_wire as wire
from vicinal_client import _lease_wire as lease_wire
from vicinal_client._bulk import fitting, matrix, message_budget, split, told_as_whole
from vicinal_client._graph_types import (
    Accuracy,
    Beliefs,
    Classification,
    Propagation,
    Strategy,
    Suggestions,
)
from vicinal_client._lease_types import LeaseTerms
from vicinal_client._progress import Progress
from vicinal_client._sync._flags import FlagCalls

__all__ = ["ReadCalls"]


class ReadCalls(FlagCalls):
    """Read what a dataset's labels say.

    Every read takes `min_revision`, the least revision to answer from. By default (None) it is the newest
    revision that this client has got from its own calls, so a client reads its own writes, and waits until
    they are propagated. 0 takes the last revision that is, at once, which may be older than the newest;
    `propagate` takes the newest then. A revision beyond the dataset's newest raises Aborted (REVISION_AHEAD).
    """

    def propagate(
        self,
        dataset: str,
        *,
        min_revision: int | None = None,
        include_beliefs: bool = False,
        timeout: float | None = None,
    ) -> Propagation:
        """Spread the labels over the neighbour graph and summarise the beliefs.

        Args:
            dataset: its name.
            min_revision: least revision to answer from; None means this client's newest.
            include_beliefs: also return the class and confidence of every sample.
            timeout: seconds for the call; None takes the client's.

        Raises:
            FailedPrecondition: NOTHING_TO_PROPAGATE.
            NotFound: UNKNOWN_DATASET.
        """
        request = graph_pb2.PropagateRequest(
            dataset=dataset,
            min_revision=self._revisions.least(dataset, min_revision),
            include_beliefs=include_beliefs,
        )
        response = self._call(self._stub.Propagate, request, timeout)
        self._revisions.saw(dataset, response.revision)
        return wire.propagation(response)

    def suggest(
        self,
        dataset: str,
        count: int = 10,
        *,
        strategy: Strategy | None = None,
        audit_share: float = 0.0,
        seed: int = 0,
        exclude: Sequence[str] = (),
        evidence: int = 0,
        lease: LeaseTerms | None = None,
        min_revision: int | None = None,
        timeout: float | None = None,
    ) -> Suggestions:
        """Say which samples to label next, best first. Works before the first label.

        Args:
            dataset: its name.
            count: how many, 1 to `GraphLimits.max_suggestions`; fewer come back when fewer are left.
            strategy: how to choose; None takes the service's default.
            audit_share: share of the suggestions, 0 to 1, that are the audit's next samples (see
                `estimate_accuracy`); one at least unless it is 0.
            seed: of what is random in the choice, 0 to 2^64 − 1; equal seed, revision, strategy and live
                leases give equal suggestions.
            exclude: samples not to suggest, at most `GraphLimits.max_suggestions`.
            evidence: most neighbours shown a suggestion, 0 to `GraphLimits.max_neighbours`.
            lease: lease the samples, so that nobody else is handed them meanwhile.
            min_revision: least revision to answer from; None means this client's newest.
            timeout: seconds for the call; None takes the client's.

        Raises:
            InvalidArgument: OUT_OF_RANGE, TOO_MANY_ITEMS.
            NotFound: UNKNOWN_LEASE, the lease of a repeated request id is over; UNKNOWN_DATASET.
            ResourceExhausted: QUEUE_FULL, more than `GraphLimits.max_leased_samples` would be leased.
        """
        request = graph_pb2.SuggestSamplesRequest(
            dataset=dataset,
            min_revision=self._revisions.least(dataset, min_revision),
            count=count,
            strategy=wire.strategy_value(strategy),
            audit_share=audit_share,
            seed=seed,
            exclude_sample_ids=exclude,
            evidence_count=evidence,
            lease=lease_wire.terms(lease),
        )
        response = self._call(self._stub.SuggestSamples, request, timeout)
        self._revisions.saw(dataset, response.revision)
        return wire.suggestions(response)

    def estimate_accuracy(
        self,
        dataset: str,
        *,
        target: float = 0.95,
        level: float = 0.95,
        min_revision: int | None = None,
        timeout: float | None = None,
    ) -> Accuracy:
        """Estimate how many beliefs are right, from the labels of an audit.

        The audit is samples drawn uniformly at random, whatever else is suggested: `suggest` with
        `audit_share`, or with `Strategy.AUDIT`. What nobody can label is passed over by `exclude`.

        Args:
            dataset: its name.
            target: the accuracy wanted, above 0 and below 1.
            level: probability that the interval holds the true value, above 0 and below 1.
            min_revision: least revision to answer from; None means this client's newest.
            timeout: seconds for the call; None takes the client's.

        Raises:
            InvalidArgument: OUT_OF_RANGE.
            NotFound: UNKNOWN_DATASET.
        """
        request = graph_pb2.EstimateAccuracyRequest(
            dataset=dataset,
            min_revision=self._revisions.least(dataset, min_revision),
            target=target,
            level=level,
        )
        response = self._call(self._stub.EstimateAccuracy, request, timeout)
        self._revisions.saw(dataset, response.revision)
        return wire.accuracy(response)

    def classify(
        self,
        dataset: str,
        vectors: npt.ArrayLike,
        *,
        encoder_digest: str = "",
        neighbours: int | None = None,
        include_beliefs: bool = False,
        min_revision: int | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Classification:
        """Classify vectors that are not in the graph, as the dataset's method judges samples inside.

        Args:
            dataset: its name.
            vectors: numbers (n, dimension), as in `add_samples`; any n, cut into requests that fit.
            encoder_digest: encoder that made the vectors; may be empty only if the dataset's is.
            neighbours: voters, 1 to `GraphLimits.max_neighbours`; None takes the dataset's.
            include_beliefs: also return the whole belief of every vector.
            min_revision: least revision to answer from; None means this client's newest.
            progress: called after each request that was answered.
            timeout: seconds for each request; None takes the client's.

        Raises:
            InvalidArgument: BAD_TENSOR, BAD_VECTOR, OUT_OF_RANGE; FIELD_REQUIRED when n is 0.
            FailedPrecondition: ENCODER_MISMATCH.
            NotFound: UNKNOWN_DATASET.
        """
        rows = matrix(vectors)
        limits = self.limits(dataset, timeout=timeout)
        answer = self._belief_bytes(dataset, include_beliefs, timeout)
        sizes = np.full(len(rows), max(answer, rows.itemsize * rows.shape[1]))
        parts: list[Classification] = []
        for part in split(sizes, limits.max_samples_per_request, message_budget(limits.max_message_bytes)):
            request = graph_pb2.ClassifyRequest(
                dataset=dataset,
                min_revision=self._revisions.least(dataset, min_revision),
                vectors=pack(rows[part]),
                encoder_digest=encoder_digest,
                neighbours=neighbours,
                include_beliefs=include_beliefs,
            )
            with told_as_whole(part.start, len(rows)):
                response = self._call(self._stub.Classify, request, timeout)
            self._revisions.saw(dataset, response.revision)
            parts.append(wire.classification(response))
            if progress:
                progress(part.stop, len(rows))
        return wire.join_classifications(parts)

    def export_beliefs(
        self,
        dataset: str,
        *,
        include_beliefs: bool = False,
        page_size: int | None = None,
        min_revision: int | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Beliefs:
        """Return every sample's belief, all from one revision, in order of arrival.

        Writes meanwhile may make the service drop the revision that the pages come from; then reading
        starts again, at most three times in all.

        Args:
            dataset: its name.
            include_beliefs: also return the whole belief of every sample, not its best class alone.
            page_size: samples a request; None takes what fits.
            min_revision: least revision to answer from; None means this client's newest.
            progress: called after each page; `done` falls back when reading starts again.
            timeout: seconds for each request; None takes the client's.

        Raises:
            Aborted: PAGE_EXPIRED, after the pages expired three times on the way.
            NotFound: UNKNOWN_DATASET.
        """
        request = self._export_request(dataset, include_beliefs, page_size, min_revision, timeout)

        def tell(pages: Sequence[graph_pb2.ExportBeliefsResponse]) -> None:
            if progress:
                progress(sum(len(page.sample_ids) for page in pages), pages[0].total_count)

        pages = self._collect(self._stub.ExportBeliefs, request, timeout, on_page=tell)
        return wire.join_beliefs([wire.beliefs(page) for page in pages])

    def iter_beliefs(
        self,
        dataset: str,
        *,
        include_beliefs: bool = False,
        page_size: int | None = None,
        min_revision: int | None = None,
        timeout: float | None = None,
    ) -> Generator[Beliefs, None]:
        """Yield what `export_beliefs` returns page by page, holding one page at a time.

        Takes the same arguments. It does not start again by itself.

        Raises:
            Aborted: PAGE_EXPIRED; what was yielded remains true of its revision.
            NotFound: UNKNOWN_DATASET.
        """
        request = self._export_request(dataset, include_beliefs, page_size, min_revision, timeout)
        for page in self._pages(self._stub.ExportBeliefs, request, timeout):
            yield wire.beliefs(page)

    def _export_request(
        self,
        dataset: str,
        include_beliefs: bool,
        page_size: int | None,
        min_revision: int | None,
        timeout: float | None,
    ) -> graph_pb2.ExportBeliefsRequest:
        limits = self.limits(dataset, timeout=timeout)
        row = limits.max_id_bytes + self._belief_bytes(dataset, include_beliefs, timeout)
        return graph_pb2.ExportBeliefsRequest(
            dataset=dataset,
            min_revision=self._revisions.least(dataset, min_revision),
            include_beliefs=include_beliefs,
            page_size=fitting(limits, row) if page_size is None else page_size,
        )

    def _belief_bytes(self, dataset: str, include_beliefs: bool, timeout: float | None) -> int:
        """Return the bytes that one sample's class, confidence and (if included) belief take in an answer."""
        if not include_beliefs:
            return 16
        return 16 + 4 * len((self.get_dataset(dataset, timeout=timeout)).classes)
