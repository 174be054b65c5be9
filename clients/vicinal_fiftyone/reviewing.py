"""What people do with samples in FiftyOne; `sync_labels` tells vicinal."""

from __future__ import annotations

import fiftyone as fo

from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.link import Collection, linked, remember, root_of
from vicinal_fiftyone.reading import VERIFIED_TAG, check_field

__all__ = ["DEFAULT_FIELD", "accept_suggestions", "keep_labels", "label_samples"]

DEFAULT_FIELD = "label"
"""Field that labels go to where none was named before."""


def label_samples(samples: Collection, class_name: str) -> int:
    """Label all `samples` as `class_name`, as verified. Return how many they are.

    A dataset without a label field gets one, `label`.

    Raises:
        FiftyOneError: the label field holds something else than Classifications.
    """
    link = linked(samples)
    field = link.label_field or DEFAULT_FIELD
    dataset = root_of(samples)
    if not dataset.has_sample_field(field):
        dataset.add_sample_field(field, fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification)
    check_field(samples, field)
    remember(samples, linked(samples, label_field=field))
    return _write(samples, field, [class_name] * len(samples))


def accept_suggestions(samples: Collection) -> int:
    """Give those of `samples` whose label looks wrong the suggested class, as verified. Return how many.

    Raises:
        FiftyOneError: no label field is named yet, or `pull` was not called yet.
    """
    link, field = linked(samples), _label_field(samples)
    suggested = link.field("suggested")
    if not root_of(samples).has_sample_field(suggested):
        raise FiftyOneError(f"there is no field {suggested!r} yet: pull first")
    flagged = samples.exists(suggested)
    return _write(flagged, field, flagged.values(f"{suggested}.label"))


def keep_labels(samples: Collection) -> int:
    """Confirm the labels of `samples` as they are. Return how many they are.

    Raises:
        FiftyOneError: no label field is named yet.
    """
    field = _label_field(samples)
    labelled = samples.exists(f"{field}.label")
    return _write(labelled, field, labelled.values(f"{field}.label"))


def _label_field(samples: Collection) -> str:
    link = linked(samples)
    if link.label_field is None:
        raise FiftyOneError(f"the dataset {root_of(samples).name!r} has no label field yet: label a sample")
    check_field(samples, link.label_field)
    return link.label_field


def _write(samples: Collection, field: str, names: list[str]) -> int:
    """Set the field to verified labels; what else a label said (a confidence) spoke of another label."""
    samples.set_values(field, [fo.Classification(label=name, tags=[VERIFIED_TAG]) for name in names])
    return len(names)
