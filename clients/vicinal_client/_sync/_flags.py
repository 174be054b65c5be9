"""The calls that say what is wrong: flags, and how noisy the labels are."""

from __future__ import annotations

import math

from vicinal.graph.v1 import graph_pb2
from vicinal_client import _graph_wire as wire
from vicinal_client._bulk import fitting
from vicinal_client._flag_types import FlagKind, Flags, Noise
from vicinal_client._sync._paging import Pages

__all__ = ["FlagCalls"]


class FlagCalls(Pages):
    """Find wrong labels and odd samples."""

    def flag_errors(
        self,
        dataset: str,
        *,
        kind: FlagKind | None = None,
        min_suspicion: float | None = None,
        target_precision: float | None = None,
        budget: int | None = None,
        evidence: int = 5,
        limit: int | None = None,
        min_revision: int | None = None,
        timeout: float | None = None,
    ) -> Flags:
        """Say which labels look wrong, or which samples are odd; the most suspicious first.

        Where the list ends is said by at most one of `min_suspicion`, `target_precision` and `budget`. With
        none of them wrong labels end where the expected F1 of the flags is best, other kinds where their own
        rule says so.

        Args:
            dataset: its name.
            kind: what to look for; None means wrong labels.
            min_suspicion: only flags at least this suspicious, 0 to 1.
            target_precision: as many flags as are expected to be right in this share, above 0 to 1; wrong
                labels only.
            budget: this many of the most suspicious, at least 1.
            evidence: most neighbours shown a flag, 0 to `GraphLimits.max_neighbours`.
            limit: most flags to return; None returns all, following the pages.
            min_revision: least revision to answer from; None means this client's newest.
            timeout: seconds for each request; None takes the client's.

        Raises:
            InvalidArgument: OUT_OF_RANGE.
            ValueError: more than one of the three is given.
            Aborted: PAGE_EXPIRED, after the pages expired three times on the way.
            NotFound: UNKNOWN_DATASET.
        """
        cuts = {"min_suspicion": min_suspicion, "target_precision": target_precision, "budget": budget}
        given = {field: value for field, value in cuts.items() if value is not None}
        if len(given) > 1:
            raise ValueError(f"give at most one of {', '.join(given)}")
        limits = self.limits(dataset, timeout=timeout)
        size = fitting(limits, (max(evidence, 0) + 1) * (2 * limits.max_id_bytes + 48), limit)
        request = graph_pb2.FlagErrorsRequest(
            dataset=dataset,
            min_revision=self._revisions.least(dataset, min_revision),
            kind=wire.flag_kind_value(kind),
            evidence_count=evidence,
            page_size=size,
        )
        for field, value in given.items():
            setattr(request, field, value)
        most = None if limit is None else max(1, math.ceil(limit / size))
        pages = self._collect(self._stub.FlagErrors, request, timeout, most_pages=most)
        flags = (wire.flag(message) for page in pages for message in page.flags)
        return Flags(pages[0].revision, tuple(flags)[:limit], pages[0].total_count)

    def estimate_noise(
        self,
        dataset: str,
        *,
        level: float = 0.95,
        min_revision: int | None = None,
        timeout: float | None = None,
    ) -> Noise:
        """Estimate how many labels are wrong: overall, by class and by annotator.

        Args:
            dataset: its name.
            level: probability that an interval holds the true value, above 0 and below 1.
            min_revision: least revision to answer from; None means this client's newest.
            timeout: seconds for the call; None takes the client's.

        Raises:
            InvalidArgument: OUT_OF_RANGE.
            FailedPrecondition: NOTHING_TO_PROPAGATE when no label can be judged by others.
            NotFound: UNKNOWN_DATASET.
        """
        request = graph_pb2.EstimateNoiseRequest(
            dataset=dataset, min_revision=self._revisions.least(dataset, min_revision), level=level
        )
        response = self._call(self._stub.EstimateNoise, request, timeout)
        self._revisions.saw(dataset, response.revision)
        return wire.noise(response)
