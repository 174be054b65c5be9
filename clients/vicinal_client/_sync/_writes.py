"""The calls that write samples and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy.typing as npt

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import pack
from vicinal_client import _graph_wire as wire
from vicinal_client._bulk import (
    check_samples,
    matrix,
    message_budget,
    new_request_id,
    part_id,
    refuse_duplicates,
    split,
    text_sizes,
    told_as_whole,
)
from vicinal_client._graph_types import Label, LabelKey, Trust
from vicinal_client._progress import Progress
from vicinal_client._sync._backend import UnaryCall
from vicinal_client._sync._datasets import DatasetCalls

__all__ = ["WriteCalls"]

Request = TypeVar("Request")


class _Revised(Protocol):
    @property
    def revision(self) -> int: ...


Revised = TypeVar("Revised", bound=_Revised)


class WriteCalls(DatasetCalls):
    """Add and remove samples and labels.

    Input of any length is cut into requests that the service's limits allow. Each request is all or
    nothing; the whole input is not. When one fails, the exception's field index counts from the whole
    input and a note on it says how many items were written before. Repeating the whole call with the same
    `request_id` and arguments is safe: what was written already is answered from memory.
    """

    def add_samples(
        self,
        dataset: str,
        ids: Sequence[str],
        vectors: npt.ArrayLike,
        *,
        encoder_digest: str = "",
        content_sha256: Sequence[bytes] | None = None,
        progress: Progress | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> int:
        """Add samples, or replace the vectors of those that exist (their labels stay).

        Args:
            dataset: its name.
            ids: n distinct sample ids.
            vectors: numbers (n, dimension), finite and not zero; they are normalised and kept as float16.
                float16 travels as it is, everything else as float32.
            encoder_digest: encoder that made the vectors; may be empty only if the dataset's is.
            content_sha256: for each sample the SHA-256 of its image (32 bytes), or empty; None for none at
                all. Samples of equal hash share one place in the graph.
            progress: called after each request that was written.
            request_id: begins the request id of every request made; empty makes one up.
            timeout: seconds for each request; None takes the client's.

        Returns:
            The revision of the last request.

        Raises:
            InvalidArgument: BAD_TENSOR, BAD_VECTOR, DUPLICATE_ID, MALFORMED; FIELD_REQUIRED when n is 0.
            FailedPrecondition: ENCODER_MISMATCH, DATASET_FULL.
            NotFound: UNKNOWN_DATASET.
        """
        method, message = self._stub.AddSamples, graph_pb2.AddSamplesRequest
        samples = (ids, vectors, content_sha256, encoder_digest)
        return self._write_vectors(dataset, method, message, samples, progress, request_id, timeout)

    def remove_samples(
        self,
        dataset: str,
        ids: Sequence[str],
        *,
        progress: Progress | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> int:
        """Remove samples with their labels.

        Args:
            dataset: its name.
            ids: distinct sample ids.
            progress: called after each request that was written.
            request_id: begins the request id of every request made; empty makes one up.
            timeout: seconds for each request; None takes the client's.

        Returns:
            The revision of the last request.

        Raises:
            NotFound: UNKNOWN_SAMPLE, UNKNOWN_DATASET.
            InvalidArgument: DUPLICATE_ID; FIELD_REQUIRED when there are no ids.
        """
        refuse_duplicates(ids, "sample_ids")
        limits = self.limits(dataset, timeout=timeout)
        request_id = new_request_id(request_id)

        def request(part: slice) -> graph_pb2.RemoveSamplesRequest:
            return graph_pb2.RemoveSamplesRequest(
                dataset=dataset, request_id=part_id(request_id, part.start), sample_ids=ids[part]
            )

        budget = message_budget(limits.max_message_bytes)
        parts = split(text_sizes(ids, "sample_ids"), limits.max_samples_per_request, budget)
        requests = ((part, request(part)) for part in parts)
        return self._write(dataset, self._stub.RemoveSamples, requests, len(ids), progress, timeout)

    def add_labels(
        self,
        dataset: str,
        labels: Iterable[Label] | Mapping[str, str],
        *,
        annotator: str = "",
        trust: Trust = Trust.VERIFIED,
        progress: Progress | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> int:
        """State labels. A later label of the same annotator on the same sample replaces the earlier one.

        Args:
            dataset: its name.
            labels: labels, at most one for a sample and annotator, or a mapping from sample id to class name.
            annotator: who states the labels of a mapping; a `Label` names its own.
            trust: how far to believe the labels of a mapping; a `Label` says it itself.
            progress: called after each request that was written.
            request_id: begins the request id of every request made; empty makes one up.
            timeout: seconds for each request; None takes the client's.

        Returns:
            The revision of the last request.

        Raises:
            NotFound: UNKNOWN_SAMPLE, UNKNOWN_DATASET.
            InvalidArgument: UNKNOWN_CLASS, DUPLICATE_ID; FIELD_REQUIRED when there are no labels.
        """
        if isinstance(labels, Mapping):
            labels = [Label(sample, name, annotator, trust) for sample, name in labels.items()]
        stated = list(labels)
        refuse_duplicates([(label.sample_id, label.annotator) for label in stated], "labels")
        limits = self.limits(dataset, timeout=timeout)
        request_id = new_request_id(request_id)

        def request(part: slice) -> graph_pb2.AddLabelsRequest:
            return graph_pb2.AddLabelsRequest(
                dataset=dataset,
                request_id=part_id(request_id, part.start),
                labels=[wire.label_message(label) for label in stated[part]],
            )

        sizes = (
            text_sizes([label.sample_id + label.class_name + label.annotator for label in stated], "labels")
            + 32
        )
        parts = split(sizes, limits.max_labels_per_request, message_budget(limits.max_message_bytes))
        requests = ((part, request(part)) for part in parts)
        return self._write(dataset, self._stub.AddLabels, requests, len(stated), progress, timeout)

    def remove_labels(
        self,
        dataset: str,
        labels: Iterable[LabelKey | Label | str],
        *,
        annotator: str = "",
        progress: Progress | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> int:
        """Take labels back.

        Args:
            dataset: its name.
            labels: distinct labels: keys, labels, or bare sample ids.
            annotator: whose label a bare sample id means.
            progress: called after each request that was written.
            request_id: begins the request id of every request made; empty makes one up.
            timeout: seconds for each request; None takes the client's.

        Returns:
            The revision of the last request.

        Raises:
            NotFound: UNKNOWN_SAMPLE, UNKNOWN_LABEL, UNKNOWN_DATASET.
            InvalidArgument: DUPLICATE_ID; FIELD_REQUIRED when there are no labels.
        """
        keys = wire.label_keys(labels, annotator)
        refuse_duplicates(keys, "labels")
        limits = self.limits(dataset, timeout=timeout)
        request_id = new_request_id(request_id)

        def request(part: slice) -> graph_pb2.RemoveLabelsRequest:
            return graph_pb2.RemoveLabelsRequest(
                dataset=dataset,
                request_id=part_id(request_id, part.start),
                labels=[
                    graph_pb2.LabelKey(sample_id=key.sample_id, annotator=key.annotator) for key in keys[part]
                ],
            )

        sizes = text_sizes([key.sample_id + key.annotator for key in keys], "labels") + 16
        parts = split(sizes, limits.max_labels_per_request, message_budget(limits.max_message_bytes))
        requests = ((part, request(part)) for part in parts)
        return self._write(dataset, self._stub.RemoveLabels, requests, len(keys), progress, timeout)

    def _write_vectors(
        self,
        dataset: str,
        method: UnaryCall[Request, Revised],
        message: Callable[..., Request],
        samples: tuple[Sequence[str], npt.ArrayLike, Sequence[bytes] | None, str],
        progress: Progress | None,
        request_id: str,
        timeout: float | None,
    ) -> int:
        """Send samples (ids, vectors, content hashes, encoder) in requests made by `message`."""
        ids, vectors, content_sha256, encoder_digest = samples
        rows = matrix(vectors)
        check_samples(ids, rows, content_sha256)
        limits = self.limits(dataset, timeout=timeout)
        request_id = new_request_id(request_id)

        def request(part: slice) -> Request:
            return message(
                dataset=dataset,
                request_id=part_id(request_id, part.start),
                sample_ids=ids[part],
                vectors=pack(rows[part]),
                encoder_digest=encoder_digest,
                content_sha256=content_sha256[part] if content_sha256 is not None else (),
            )

        sizes = text_sizes(ids, "sample_ids") + (rows.itemsize * rows.shape[1] + 40)
        parts = split(sizes, limits.max_samples_per_request, message_budget(limits.max_message_bytes))
        requests = ((part, request(part)) for part in parts)
        return self._write(dataset, method, requests, len(ids), progress, timeout)

    def _write(
        self,
        dataset: str,
        method: UnaryCall[Request, Revised],
        requests: Iterable[tuple[slice, Request]],
        total: int,
        progress: Progress | None,
        timeout: float | None,
    ) -> int:
        """Send the requests one after the other; return the last revision. At least one request."""
        revision = 0
        for part, request in requests:
            with told_as_whole(part.start, total):
                response = self._call(method, request, timeout)
            revision = self._revisions.saw(dataset, response.revision)
            if progress:
                progress(part.stop, total)
        return revision
