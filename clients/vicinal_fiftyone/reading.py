"""What FiftyOne holds: samples, and the labels of a Classification field."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone as fo

from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.labels import Statement
from vicinal_fiftyone.link import Collection, root_of

__all__ = ["VERIFIED_TAG", "check_field", "class_names", "load", "statements"]

VERIFIED_TAG = "verified"
"""Tag of a label, or of its sample, that a person has confirmed."""


def load(name: str) -> fo.Dataset:
    """Return FiftyOne's dataset of that name.

    Raises:
        FiftyOneError: there is none.
    """
    if not fo.dataset_exists(name):
        raise FiftyOneError(f"FiftyOne has no dataset {name!r} (`fiftyone datasets list` shows them)")
    return fo.load_dataset(name)


def check_field(samples: Collection, label_field: str) -> None:
    """Refuse a label field that is not there or holds something else than Classifications.

    Raises:
        FiftyOneError: it is so.
    """
    field = samples.get_field(label_field)
    if field is None:
        raise FiftyOneError(f"the dataset {root_of(samples).name!r} has no field {label_field!r}")
    if not (
        isinstance(field, fo.EmbeddedDocumentField) and issubclass(field.document_type, fo.Classification)
    ):
        raise FiftyOneError(f"the field {label_field!r} holds {field}; vicinal takes Classification")


def statements(
    samples: Collection, label_field: str, *, all_verified: bool = False
) -> dict[str, Statement | None]:
    """Return what the field says about every sample, None where it says nothing.

    Args:
        samples: the samples in question.
        label_field: a Classification field.
        all_verified: take every label as confirmed, not only those with the tag.

    Raises:
        FiftyOneError: there is no such field.
    """
    check_field(samples, label_field)
    columns = samples.values(["id", f"{label_field}.label", f"{label_field}.tags", "tags"])
    return {
        sample_id: Statement(name, all_verified or VERIFIED_TAG in (*(on_label or ()), *(on_sample or ())))
        if name
        else None
        for sample_id, name, on_label, on_sample in zip(*columns, strict=True)
    }


def class_names(samples: Collection, label_field: str | None, given: Sequence[str]) -> list[str]:
    """Return the classes in a lasting order: those given, those declared in FiftyOne, those in use."""
    dataset = root_of(samples)
    names = [*given]
    if label_field is not None:
        names += [*dataset.classes.get(label_field, ()), *sorted(samples.distinct(f"{label_field}.label"))]
    return list(dict.fromkeys([*names, *dataset.default_classes]))
