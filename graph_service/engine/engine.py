"""The use cases of the graph service, one method for each RPC.

Every method takes and returns plain values and the dataclasses of `events` and `reads`; refusals are
`vicinal.wire.errors`. All are safe to call from many threads at once, and block.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Unpack

import numpy.typing as npt

from graph_service.engine.answers import flags, listing, reads, suggesting
from graph_service.engine.dataset import Dataset
from graph_service.engine.encoders import EncoderCases
from graph_service.engine.leasing import LeaseCases, LeaseTerms
from graph_service.engine.requests import checks
from graph_service.engine.requests.vectors import to_keep, unit
from graph_service.engine.revision.rankings import FlagKind
from graph_service.engine.revision.snapshot import Derived
from graph_service.engine.state.summary import Summary
from graph_service.engine.watches import WatchCases
from graph_service.engine.writer import VectorWrite
from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    LabelsAdded,
    LabelsRemoved,
    SamplesAdded,
    SamplesRemoved,
    Trust,
)
from graph_service.log.base import Write
from vicinal.wire.errors import InvalidArgument

__all__ = ["Engine"]

Floats = npt.NDArray[Any]


class Engine(EncoderCases, LeaseCases, WatchCases):
    """Every dataset of one store.

    Args:
        store: where the logs are.
        limits: limits in force.
        clock: see `Core`.
    """

    # -- datasets ----------------------------------------------------------------------------------------

    def create_dataset(self, request_id: str, created: DatasetCreated) -> Summary:
        """Create an empty dataset."""
        checks.request_id(request_id)
        self._rules.created(created)
        return self._datasets.create(created.name, Write(request_id, created)).summary

    def get_dataset(self, name: str) -> Summary:
        """Describe one dataset."""
        return self._datasets.get(name).summary

    def list_datasets(self) -> list[Summary]:
        """Describe every dataset, ordered by name."""
        return [dataset.summary for dataset in self._datasets.all()]

    def update_dataset(self, name: str, request_id: str, update: DatasetUpdated) -> int:
        """Change how labels spread, or append classes."""
        dataset = self._datasets.get(name)
        self._rules.propagation(update.temperature, update.steps)
        self._rules.classes(update.new_classes, "new_classes")
        return self._write(dataset, request_id, update)

    def delete_dataset(self, name: str) -> None:
        """Delete a dataset with its log."""
        checks.dataset_name(name, "dataset")
        self._datasets.delete(name)

    # -- samples and labels ------------------------------------------------------------------------------

    def add_samples(
        self,
        name: str,
        request_id: str,
        *,
        sample_ids: Sequence[str],
        vectors: Floats,
        encoder_digest: str,
        content_hashes: Sequence[bytes],
    ) -> int:
        """Add samples, or replace the vectors of those that exist; (n, dimension) float rows."""
        dataset = self._datasets.get(name)
        self._rules.sample_ids(sample_ids)
        checks.digest(encoder_digest, "encoder_digest")
        encoder, rows = dataset.encoder, len(sample_ids)
        # Another encoder's vectors are refused in their turn: this may repeat a write from before a change.
        dimension = encoder.dimension if encoder_digest == encoder.digest else None
        event = SamplesAdded(
            ids=tuple(sample_ids),
            vectors=to_keep(vectors, "vectors", rows, dimension),
            content_hashes=checks.content_hashes(content_hashes, rows),
        )
        checks.request_id(request_id)
        return dataset.write(VectorWrite(request_id, event, encoder_digest))

    def remove_samples(self, name: str, request_id: str, sample_ids: Sequence[str]) -> int:
        """Remove samples with their labels."""
        dataset = self._datasets.get(name)
        self._rules.sample_ids(sample_ids)
        return self._write(dataset, request_id, SamplesRemoved(tuple(sample_ids)))

    def check_label_count(self, count: int) -> None:
        """Refuse a write of no labels, or of too many."""
        self._rules.label_count(count)

    def add_labels(
        self,
        name: str,
        request_id: str,
        labels: Sequence[tuple[str, str, str, Trust]],
    ) -> int:
        """State labels: (sample id, annotator, class name, trust)."""
        dataset = self._datasets.get(name)
        keys = [(sample, annotator) for sample, annotator, _, _ in labels]
        self._rules.label_keys(keys)
        event = LabelsAdded(
            sample_ids=tuple(sample for sample, _ in keys),
            annotators=tuple(annotator for _, annotator in keys),
            classes=tuple(_class_index(dataset, label[2], i) for i, label in enumerate(labels)),
            trusts=tuple(label[3] for label in labels),
        )
        return self._write(dataset, request_id, event)

    def remove_labels(self, name: str, request_id: str, keys: Sequence[tuple[str, str]]) -> int:
        """Take labels back: (sample id, annotator)."""
        dataset = self._datasets.get(name)
        self._rules.label_keys(keys)
        event = LabelsRemoved(tuple(sample for sample, _ in keys), tuple(annotator for _, annotator in keys))
        return self._write(dataset, request_id, event)

    # -- reads -------------------------------------------------------------------------------------------

    def list_samples(
        self, name: str, min_revision: int, *, unstaged_only: bool, page_size: int, page_token: str
    ) -> tuple[listing.Samples, str]:
        """Return a page of the samples, and the token of the next page."""
        dataset = self._datasets.get(name)
        checks.in_range(page_size, "page_size", 1, self.limits.max_page_size)
        query = f"samples {dataset.uid} {unstaged_only}"
        page_size = self._fitting(page_size, self._entry_bytes)
        snapshot, page = self._page(dataset, dataset.snapshot, min_revision, page_token, query)
        answer = listing.samples(snapshot, start=page.start, count=page_size, unstaged_only=unstaged_only)
        return answer, self._next(dataset, snapshot, page, page_size, answer.total_count)

    def list_labels(
        self, name: str, min_revision: int, *, page_size: int, page_token: str
    ) -> tuple[listing.Labels, str]:
        """Return a page of the labels, and the token of the next page."""
        dataset = self._datasets.get(name)
        checks.in_range(page_size, "page_size", 1, self.limits.max_page_size)
        page_size = self._fitting(page_size, 2 * self._entry_bytes)
        query = f"labels {dataset.uid}"
        snapshot, page = self._page(dataset, dataset.snapshot, min_revision, page_token, query)
        answer = listing.labels(snapshot, start=page.start, count=page_size)
        return answer, self._next(dataset, snapshot, page, page_size, answer.total_count)

    def propagate(self, name: str, min_revision: int) -> reads.Propagated:
        """Spread the labels over the graph: of the newest revision, or any from `min_revision` on."""
        snapshot, fresh = self._datasets.get(name).propagated(min_revision)
        return reads.propagated(snapshot, fresh=fresh)

    def propagated(self, name: str, min_revision: int) -> reads.Propagated | None:
        """Return what `propagate` does if that is at hand, at once."""
        dataset = self._datasets.get(name)
        snapshot = dataset.at_hand(min_revision or dataset.revision)
        return reads.propagated(snapshot, fresh=False) if snapshot else None

    def suggest_samples(
        self,
        name: str,
        min_revision: int,
        *,
        exclude: Collection[str],
        lease: LeaseTerms | None = None,
        **wanted: Unpack[suggesting.Wanted],
    ) -> suggesting.Suggestions:
        """Choose the samples to label next; with terms, lease them."""
        dataset, asked = self._datasets.get(name), self._checked(wanted, exclude)
        newest = partial(dataset.finished, min_revision)
        if lease is None and not len(dataset.leases.rows(self._clock())):
            found = dataset.suggestions.answer(newest, exclude=tuple(exclude), **asked)
            if not len(dataset.leases.rows(self._clock())):  # nor came one meanwhile
                return found
        choose = partial(suggesting.suggestions, newest(), **asked)
        if lease is not None:
            return self._leased(dataset, lease, choose, exclude)
        return choose(exclude=exclude, leased=dataset.leases.rows(self._clock()))

    def suggested(
        self, name: str, min_revision: int, *, exclude: Collection[str], **wanted: Unpack[suggesting.Wanted]
    ) -> suggesting.Suggestions | None:
        """Return what `suggest_samples` does without terms, if that is at hand."""
        dataset, asked = self._datasets.get(name), self._checked(wanted, exclude)
        snapshot = dataset.at_hand(min_revision)
        if snapshot is None or len(dataset.leases.rows(self._clock())):
            return None
        return dataset.suggestions.at_hand(snapshot, exclude=tuple(exclude), **asked)

    def _checked(self, wanted: suggesting.Wanted, exclude: Collection[str]) -> suggesting.Wanted:
        checks.in_range(wanted["count"], "count", 1, self.limits.max_suggestions)
        checks.in_range(wanted["audit_share"], "audit_share", 0, 1)
        evidence = wanted.get("evidence_count", 0)
        checks.in_range(evidence, "evidence_count", 0, self.limits.max_neighbours)
        if exclude:
            checks.item_count(len(exclude), "exclude_sample_ids", self.limits.max_suggestions)
        fitting = evidence and self._fitting(evidence, wanted["count"] * self._entry_bytes)
        return {**wanted, "evidence_count": fitting}

    def estimate_accuracy(
        self, name: str, min_revision: int, *, target: float, level: float
    ) -> suggesting.Accuracy:
        """Estimate how many beliefs are right, from the labels of the audit."""
        dataset = self._datasets.get(name)
        checks.within(target, "target", 0, 1)
        checks.within(level, "level", 0, 1)
        snapshot = dataset.finished(min_revision, Derived.AUDIT)
        return suggesting.accuracy(snapshot, target=target, level=level)

    def flag_errors(
        self,
        name: str,
        min_revision: int,
        *,
        kind: FlagKind,
        cut: flags.Cut,
        evidence_count: int,
        page_size: int,
        page_token: str,
    ) -> tuple[flags.Flags, str]:
        """Return a page of labels or samples that look wrong, and the token of the next page."""
        dataset = self._datasets.get(name)
        flags.check(kind, cut)
        checks.in_range(evidence_count, "evidence_count", 0, self.limits.max_neighbours)
        checks.in_range(page_size, "page_size", 1, self.limits.max_page_size)
        query = f"flags {dataset.uid} {kind} {cut} {evidence_count}"
        page_size = self._fitting(page_size, (1 + evidence_count) * self._entry_bytes)
        finished = partial(dataset.finished, of=flags.needed(kind))
        snapshot, page = self._page(dataset, finished, min_revision, page_token, query)
        found = flags.flag(
            snapshot, kind=kind, cut=cut, evidence_count=evidence_count, start=page.start, count=page_size
        )
        return found, self._next(dataset, snapshot, page, page_size, found.total_count)

    def estimate_noise(self, name: str, min_revision: int, *, level: float) -> flags.Noise:
        """Estimate how many labels are wrong: overall, by annotator, and by class if a message holds it."""
        dataset = self._datasets.get(name)
        checks.within(level, "level", 0, 1)
        snapshot = dataset.finished(min_revision, Derived.JUDGEMENT)
        by_class = self._fitting(3, 4 * len(snapshot.classes) ** 2) == 3
        return flags.noise(snapshot, level, by_class=by_class)

    def classify(
        self,
        name: str,
        min_revision: int,
        *,
        vectors: Floats,
        encoder_digest: str,
        neighbours: int | None,
        include_beliefs: bool,
    ) -> reads.Classification:
        """Classify vectors (m, dimension) that are not in the graph."""
        dataset = self._datasets.get(name)
        k = dataset.created.neighbours if neighbours is None else neighbours
        checks.in_range(k, "neighbours", 1, self.limits.max_neighbours)
        encoder = dataset.encoder
        checks.encoder(encoder_digest, encoder.digest)
        rows = len(vectors)
        most = self.limits.max_samples_per_request
        if include_beliefs:
            most = self._fitting(most, 4 * dataset.class_count)
        checks.item_count(rows, "vectors", most)
        kept = to_keep(vectors, "vectors", rows, encoder.dimension)
        queries = unit(kept)
        snapshot, nodes, similarities = dataset.search(queries, k, min_revision, encoder_digest)
        return reads.classify(snapshot, queries, nodes, similarities)

    def export_beliefs(
        self, name: str, min_revision: int, *, include_beliefs: bool, page_size: int, page_token: str
    ) -> tuple[reads.Export, str]:
        """Return a page of every sample's belief, and the token of the next page."""
        dataset = self._datasets.get(name)
        checks.in_range(page_size, "page_size", 1, self.limits.max_page_size)
        query = f"beliefs {dataset.uid}"
        snapshot, page = self._page(dataset, dataset.finished, min_revision, page_token, query)
        scores = 4 * len(snapshot.classes) if include_beliefs else 0
        page_size = self._fitting(page_size, scores + self._entry_bytes)
        answer = reads.export(snapshot, start=page.start, count=page_size)
        return answer, self._next(dataset, snapshot, page, page_size, answer.total_count)


def _class_index(dataset: Dataset, name: str, label: int) -> int:
    index = dataset.class_index(name)
    if index is None:
        field = f"labels[{label}].class_name"
        message = f"{field}: the dataset has no class {name!r}; GetDataset names those it has"
        raise InvalidArgument("UNKNOWN_CLASS", message, field=field, value=name)
    return index
