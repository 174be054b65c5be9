"""Whether a request keeps to the limits in force, field by field. Nothing here looks at a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from graph_service.engine.requests import checks
from graph_service.engine.requests.limits import Limits
from graph_service.events import DatasetCreated

__all__ = ["Rules"]


class Rules:
    """Checks of whole requests; each raises InvalidArgument naming the field and the limit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def created(self, created: DatasetCreated) -> None:
        """Check the settings of a new dataset."""
        limits = self._limits
        checks.dataset_name(created.name, "name")
        checks.in_range(created.dimension, "dimension", 1, limits.max_dimension)
        checks.digest(created.encoder_digest, "encoder_digest")
        checks.in_range(len(created.classes), "classes", 2, limits.max_classes)
        self.classes(created.classes, "classes")
        checks.in_range(created.neighbours, "neighbours", 1, limits.max_neighbours)
        self.propagation(created.propagation.temperature, created.propagation.steps)

    def classes(self, names: Sequence[str], field: str) -> None:
        """Check class names."""
        if names:
            checks.item_count(len(names), field, self._limits.max_classes)
        checks.distinct(names, field)
        for i, name in enumerate(names):
            checks.text(name, f"{field}[{i}]", self._limits.max_id_bytes)

    def propagation(self, temperature: float | None, steps: int | None) -> None:
        """Check propagation settings; None is one that is not given."""
        if temperature:  # 0 leaves it to the method
            checks.in_range(temperature, "propagation.temperature", 0.001, 10)
        if steps is not None:
            checks.in_range(steps, "propagation.steps", 1, 1000)

    def sample_ids(self, ids: Sequence[str]) -> None:
        """Check the sample ids of one write."""
        checks.item_count(len(ids), "sample_ids", self._limits.max_samples_per_request)
        for i, sample in enumerate(ids):
            checks.text(sample, f"sample_ids[{i}]", self._limits.max_id_bytes)
        checks.distinct(ids, "sample_ids")

    def encoder_digest(self, digest: str) -> None:
        """Check the digest of a change's encoder, which must be named."""
        checks.text(digest, "encoder_digest", self._limits.max_id_bytes)
        checks.digest(digest, "encoder_digest")

    def label_count(self, count: int) -> None:
        """Check the number of labels of one write."""
        checks.item_count(count, "labels", self._limits.max_labels_per_request)

    def label_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """Check the (sample id, annotator) pairs of one write."""
        self.label_count(len(keys))
        for i, (sample, annotator) in enumerate(keys):
            checks.text(sample, f"labels[{i}].sample_id", self._limits.max_id_bytes)
            checks.text(annotator, f"labels[{i}].annotator", self._limits.max_id_bytes, empty=True)
        checks.distinct(keys, "labels")
