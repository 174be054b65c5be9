"""What a dataset's events add up to: its classes, samples, labels and nodes.

`check` says whether an event fits the present state and changes nothing; `apply` carries out an event that
was checked when it was written, and so cannot fail. Nothing here takes a lock: `Dataset` does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import numpy as np
import numpy.typing as npt

from graph_service.auditing.order import AuditKeys
from graph_service.engine.requests import checks
from graph_service.engine.requests.limits import Limits
from graph_service.engine.state import lease_events
from graph_service.engine.state.labels import LabelTable
from graph_service.engine.state.leases import LeaseTable
from graph_service.engine.state.nodes import Nodes, key_of
from graph_service.engine.state.staging import Encoder, Staging
from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    EncoderChanged,
    Event,
    LabelsAdded,
    LabelsRemoved,
    LeaseEvent,
    SamplesAdded,
    SamplesRemoved,
    Trust,
    VectorsDiscarded,
    VectorsStaged,
)
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import FailedPrecondition, InvalidArgument, NotFound

__all__ = ["Tables"]


class Tables:
    """The state of one dataset, derived from its log.

    Attributes:
        created: the settings as it was made; its name and neighbours are fixed for good.
        encoder: the encoder of its vectors.
        staging: vectors of another encoder that wait, or None.
        propagation: how labels spread now.
        classes: class names; a class's index is its place.
        ids: sample ids by row, in order of arrival; None where a sample left.
        content_hashes: what the samples were added with, by row; possibly empty.
        row_of: the row of each present sample.
        labels: the labels.
        audit_keys: the audit's keys of the samples, by row.
        leases: who holds which samples.
        sample_version: grows with every event that changes samples.
        version: grows with every event but those of leases, which no snapshot shows.
    """

    def __init__(self, created: DatasetCreated, graph: NeighbourGraph) -> None:
        self.created = created
        self.encoder = Encoder(created.encoder_digest, created.dimension)
        self.staging: Staging | None = None
        self.propagation = created.propagation
        self.classes = list(created.classes)
        self.class_index = {name: i for i, name in enumerate(created.classes)}
        self.ids: list[str | None] = []
        self.content_hashes: list[bytes] = []
        self.row_of: dict[str, int] = {}
        self.labels = LabelTable()
        self.audit_keys = AuditKeys()
        self.nodes = Nodes(graph, created.dimension)
        self.leases = LeaseTable()
        self.sample_version = 0
        self.version = 0

    def check(self, event: Event, limits: Limits) -> None:
        """Refuse an event that does not fit the present state.

        Raises:
            ServiceError: DATASET_FULL, UNKNOWN_SAMPLE, UNKNOWN_LABEL, OUT_OF_RANGE, DUPLICATE_ID,
                BAD_TENSOR, ENCODER_MISMATCH, VECTORS_MISSING, UNKNOWN_LEASE or QUEUE_FULL.
            SamplesTaken: samples to be leased are not free, or not there, any more.
        """
        if isinstance(event, LeaseEvent):
            most = limits.max_leased_samples
            lease_events.check(event, self.leases, self.row_of, self.labels, most)
            return
        match event:
            case SamplesAdded(ids=ids, vectors=vectors):
                checks.dimension(vectors, self.encoder.dimension)
                self._check_room(sum(sample not in self.row_of for sample in set(ids)), 0, limits)
            case SamplesRemoved(ids=ids):
                self._check_known(ids, "sample_ids[{}]")
            case VectorsStaged() | VectorsDiscarded() | EncoderChanged():
                self._check_move(event)
            case LabelsAdded(sample_ids=ids):
                self._check_known(ids, "labels[{}].sample_id")
            case LabelsRemoved(sample_ids=ids, annotators=annotators):
                self._check_known(ids, "labels[{}].sample_id")
                self._check_labels(ids, annotators)
            case DatasetUpdated(new_classes=names):
                self._check_classes(names, limits.max_classes)
                self._check_room(0, len(names), limits)
            case DatasetCreated():
                raise AssertionError("a log holds one DatasetCreated, its first event")
            case _:
                assert_never(event)

    def apply(self, event: Event) -> None:
        """Carry out an event. `flush` must follow before the graph is read."""
        if isinstance(event, LeaseEvent):
            lease_events.apply(event, self.leases, self.row_of)
            return
        self.version += 1
        match event:
            case SamplesAdded():
                self._add_samples(event)
            case SamplesRemoved(ids=ids):
                self._remove_samples(ids)
            case VectorsStaged() | VectorsDiscarded() | EncoderChanged():
                self._move(event)
            case LabelsAdded():
                self._add_labels(event)
            case LabelsRemoved(sample_ids=ids, annotators=annotators):
                for sample, annotator in zip(ids, annotators, strict=True):
                    self.labels.drop(self.row_of[sample], annotator)
            case DatasetUpdated():
                self._update(event)
            case DatasetCreated():
                raise AssertionError("a log holds one DatasetCreated, its first event")
            case _:
                assert_never(event)

    def flush(self, *, settle: bool = True) -> None:
        """Bring the graphs in line with what was applied; their lists too unless told not to settle."""
        self.nodes.flush(settle=settle)
        if self.staging is not None:
            self.staging.nodes.flush(settle=settle)

    @property
    def pending(self) -> int:
        """How many nodes the next flush will touch."""
        return self.nodes.pending + (self.staging.nodes.pending if self.staging is not None else 0)

    def _add_samples(self, event: SamplesAdded) -> None:
        for i, sample in enumerate(event.ids):
            content_hash = event.content_hashes[i]
            key = key_of(content_hash, event.vectors[i])
            row = self.row_of.get(sample)
            if row is None:
                row = self.row_of[sample] = len(self.ids)
                self.ids.append(sample)
                self.content_hashes.append(content_hash)
            elif self.staging is not None and self.nodes.key(row) != key:
                self.staging.drop(row)  # it is of another image
            self.content_hashes[row] = content_hash
            self.nodes.put(row, key, event.vectors[i])
        self.sample_version += 1

    def _add_labels(self, event: LabelsAdded) -> None:
        columns = event.sample_ids, event.annotators, event.classes, event.trusts
        for sample, annotator, index, trust in zip(*columns, strict=True):
            row = self.row_of[sample]
            self.labels.put(row, annotator, index, trust)
            if trust is Trust.VERIFIED:
                self.leases.drop(row)

    def _move(self, event: VectorsStaged | VectorsDiscarded | EncoderChanged) -> None:
        staging = self.staging
        if isinstance(event, VectorsStaged):
            if staging is None:
                encoder = Encoder(event.encoder_digest, event.vectors.shape[1])
                staging = self.staging = Staging(encoder, self.created.neighbours)
            rows = [self.row_of[sample] for sample in event.ids]
            staging.put(rows, event.vectors, event.content_hashes)
            return
        self.staging = None
        if isinstance(event, EncoderChanged):
            if staging is None:
                raise AssertionError("the log changes over to vectors that nobody staged")
            for row, content_hash in staging.content_hashes.items():
                self.content_hashes[row] = content_hash
            self.encoder, self.nodes = staging.encoder, staging.nodes
            self.sample_version += 1

    def _remove_samples(self, ids: tuple[str, ...]) -> None:
        for sample in ids:
            row = self.row_of.pop(sample)
            self.ids[row] = None
            self.labels.drop_sample(row)
            self.leases.drop(row)
            self.nodes.detach(row)
            if self.staging is not None:
                self.staging.drop(row)
        self.sample_version += 1

    def _update(self, event: DatasetUpdated) -> None:
        given = {"method": event.method, "temperature": event.temperature, "steps": event.steps}
        changes = {name: value for name, value in given.items() if value is not None}
        self.propagation = replace(self.propagation, **changes)  # type: ignore[arg-type]
        for name in event.new_classes:
            self.class_index[name] = len(self.classes)
            self.classes.append(name)

    def _check_room(self, samples: int, classes: int, limits: Limits) -> None:
        """Refuse what would make the dataset too large by this many new samples or classes."""
        samples += len(self.row_of)
        scores = samples * (len(self.classes) + classes)
        for what, count, most in (
            ("samples", samples, limits.max_samples),
            ("scores (samples times classes)", scores, limits.max_scores),
        ):
            if count > most:
                message = f"the dataset would hold {count} {what}; at most {most} are allowed"
                raise FailedPrecondition("DATASET_FULL", message, limit=most, value=count)

    def _check_move(self, event: VectorsStaged | VectorsDiscarded | EncoderChanged) -> None:
        if isinstance(event, VectorsStaged):
            self._check_staging(event.encoder_digest, event.vectors)
            self._check_known(event.ids, "sample_ids[{}]")
            return
        staging = self._check_staged(event.encoder_digest)
        if isinstance(event, EncoderChanged):
            self._check_complete(staging)

    def _check_staging(self, digest: str, vectors: npt.NDArray[np.float16]) -> None:
        """Refuse to stage vectors of the dataset's own encoder, or of another than those that wait."""
        if digest == self.encoder.digest:
            message = "the dataset's vectors are of this encoder already; there is nothing to change"
            raise checks.encoder_mismatch(message, "", digest)
        if self.staging is not None:
            self._check_staged(digest)
            checks.dimension(vectors, self.staging.encoder.dimension)

    def _check_staged(self, digest: str) -> Staging:
        """Refuse an encoder whose vectors do not wait; return those that do."""
        if self.staging is None:
            message = f"no staged vectors wait, of encoder {digest} or any other"
            raise checks.encoder_mismatch(message, "", digest)
        waiting = self.staging.encoder.digest
        if digest != waiting:
            message = f"staged vectors of encoder {waiting} wait, not of {digest}; discard them first"
            raise checks.encoder_mismatch(message, waiting, digest)
        return self.staging

    def _check_complete(self, staging: Staging) -> None:
        """Refuse staged vectors that leave samples out."""
        count = len(self.row_of)
        if len(staging) < count:
            message = (
                f"{count - len(staging)} of {count} samples have no staged vector; ListSamples names them"
            )
            raise FailedPrecondition("VECTORS_MISSING", message, limit=count, value=len(staging))

    def _check_known(self, ids: tuple[str, ...], field: str) -> None:
        for i, sample in enumerate(ids):
            if sample not in self.row_of:
                where = field.format(i)
                message = f"{where}: the dataset has no sample {sample!r}"
                raise NotFound("UNKNOWN_SAMPLE", message, field=where, value=sample)

    def _check_labels(self, ids: tuple[str, ...], annotators: tuple[str, ...]) -> None:
        for i, (sample, annotator) in enumerate(zip(ids, annotators, strict=True)):
            if not self.labels.has(self.row_of[sample], annotator):
                message = f"labels[{i}]: annotator {annotator!r} has no label on sample {sample!r}"
                raise NotFound("UNKNOWN_LABEL", message, field=f"labels[{i}].annotator", value=annotator)

    def _check_classes(self, names: tuple[str, ...], most: int) -> None:
        count = len(self.classes) + len(names)
        if count > most:
            message = f"the dataset would have {count} classes; at most {most} are allowed"
            raise InvalidArgument("OUT_OF_RANGE", message, field="new_classes", limit=most, value=count)
        for i, name in enumerate(names):
            if name in self.class_index:
                field = f"new_classes[{i}]"
                message = f"{field}: the dataset has a class {name!r} already"
                raise InvalidArgument("DUPLICATE_ID", message, field=field, value=name)
