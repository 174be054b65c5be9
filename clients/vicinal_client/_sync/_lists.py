"""The calls that read what was written: samples and labels."""

from __future__ import annotations

from collections.abc import Sequence

from vicinal.graph.v1 import graph_pb2
from vicinal_client import _graph_wire as wire
from vicinal_client._bulk import fitting
from vicinal_client._list_types import Labels, Samples
from vicinal_client._progress import Progress
from vicinal_client._sync._paging import Pages

__all__ = ["ListCalls"]


class ListCalls(Pages):
    """List a dataset's samples and labels."""

    def list_samples(
        self,
        dataset: str,
        *,
        unstaged_only: bool = False,
        min_revision: int | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Samples:
        """Return the samples in order of arrival, all from one revision.

        Args:
            dataset: its name.
            unstaged_only: only those without a staged vector (see `stage_vectors`).
            min_revision: least revision to answer from; None means this client's newest.
            progress: called after each page; `done` falls back when reading starts again.
            timeout: seconds for each request; None takes the client's.

        Raises:
            Aborted: PAGE_EXPIRED, after the pages expired three times on the way.
            NotFound: UNKNOWN_DATASET.
        """
        limits = self.limits(dataset, timeout=timeout)
        request = graph_pb2.ListSamplesRequest(
            dataset=dataset,
            min_revision=self._revisions.least(dataset, min_revision),
            unstaged_only=unstaged_only,
            page_size=fitting(limits, limits.max_id_bytes + 48),
        )

        def tell(pages: Sequence[graph_pb2.ListSamplesResponse]) -> None:
            if progress:
                progress(sum(len(page.sample_ids) for page in pages), pages[0].total_count)

        pages = self._collect(self._stub.ListSamples, request, timeout, on_page=tell)
        return Samples(
            pages[0].revision,
            tuple(name for page in pages for name in page.sample_ids),
            tuple(content for page in pages for content in page.content_sha256),
        )

    def list_labels(
        self,
        dataset: str,
        *,
        min_revision: int | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Labels:
        """Return every label of every annotator in order of their samples' arrival, all from one revision.

        Args:
            dataset: its name.
            min_revision: least revision to answer from; None means this client's newest.
            progress: called after each page; `done` falls back when reading starts again.
            timeout: seconds for each request; None takes the client's.

        Raises:
            Aborted: PAGE_EXPIRED, after the pages expired three times on the way.
            NotFound: UNKNOWN_DATASET.
        """
        limits = self.limits(dataset, timeout=timeout)
        request = graph_pb2.ListLabelsRequest(
            dataset=dataset,
            min_revision=self._revisions.least(dataset, min_revision),
            page_size=fitting(limits, 3 * limits.max_id_bytes + 32),
        )

        def tell(pages: Sequence[graph_pb2.ListLabelsResponse]) -> None:
            if progress:
                progress(sum(len(page.labels) for page in pages), pages[0].total_count)

        pages = self._collect(self._stub.ListLabels, request, timeout, on_page=tell)
        return Labels(pages[0].revision, tuple(wire.label(one) for page in pages for one in page.labels))
