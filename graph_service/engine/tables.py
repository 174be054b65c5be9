"""What a dataset's events add up to: its classes, samples, labels and nodes.

`check` says whether an event fits the present state and changes nothing; `apply` carries out an event that
was checked when it was written, and so cannot fail. Nothing here takes a lock: `Dataset` does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from graph_service.engine.labels import LabelTable
from graph_service.engine.limits import Limits
from graph_service.engine.nodes import Nodes, key_of
from graph_service.engine.vectors import unit
from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    Event,
    LabelsAdded,
    LabelsRemoved,
    SamplesAdded,
    SamplesRemoved,
)
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import FailedPrecondition, InvalidArgument, NotFound

__all__ = ["Tables"]


class Tables:
    """The state of one dataset, derived from its log.

    Attributes:
        created: the settings fixed for good.
        propagation: how labels spread now.
        classes: class names; a class's index is its place.
        ids: sample ids by row, in order of arrival; None where a sample left.
        row_of: the row of each present sample.
        sample_version: grows with every event that changes samples.
    """

    def __init__(self, created: DatasetCreated, graph: NeighbourGraph) -> None:
        self.created = created
        self.propagation = created.propagation
        self.classes = list(created.classes)
        self.class_index = {name: i for i, name in enumerate(created.classes)}
        self.ids: list[str | None] = []
        self.row_of: dict[str, int] = {}
        self.labels = LabelTable()
        self.nodes = Nodes(graph, created.dimension)
        self.sample_version = 0

    def check(self, event: Event, limits: Limits) -> None:
        """Refuse an event that does not fit the present state.

        Raises:
            ServiceError: DATASET_FULL, UNKNOWN_SAMPLE, UNKNOWN_LABEL, OUT_OF_RANGE or DUPLICATE_ID.
        """
        match event:
            case SamplesAdded(ids=ids):
                self._check_room(len(set(ids) - self.row_of.keys()), 0, limits)
            case SamplesRemoved(ids=ids):
                self._check_known(ids, "sample_ids[{}]")
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
        """Carry out an event. `nodes.flush()` must follow before the graph is read."""
        match event:
            case SamplesAdded():
                self._add_samples(event)
            case SamplesRemoved(ids=ids):
                self._remove_samples(ids)
            case LabelsAdded(sample_ids=ids, annotators=annotators, classes=classes, trusts=trusts):
                for sample, annotator, index, trust in zip(ids, annotators, classes, trusts, strict=True):
                    self.labels.put(self.row_of[sample], annotator, index, trust)
            case LabelsRemoved(sample_ids=ids, annotators=annotators):
                for sample, annotator in zip(ids, annotators, strict=True):
                    self.labels.drop(self.row_of[sample], annotator)
            case DatasetUpdated():
                self._update(event)
            case DatasetCreated():
                raise AssertionError("a log holds one DatasetCreated, its first event")
            case _:
                assert_never(event)

    def _add_samples(self, event: SamplesAdded) -> None:
        vectors = unit(event.vectors)
        for i, sample in enumerate(event.ids):
            key = key_of(event.content_hashes[i], event.vectors[i])
            row = self.row_of.get(sample)
            if row is None:
                row = self.row_of[sample] = len(self.ids)
                self.ids.append(sample)
            elif self.nodes.holds(row, key, vectors[i]):
                continue
            else:
                self.nodes.detach(row)
            self.nodes.attach(row, key, vectors[i])
        self.sample_version += 1

    def _remove_samples(self, ids: tuple[str, ...]) -> None:
        for sample in ids:
            row = self.row_of.pop(sample)
            self.ids[row] = None
            self.labels.drop_sample(row)
            self.nodes.detach(row)
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
