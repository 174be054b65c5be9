"""vicinal's fields and saved views in a FiftyOne dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import fiftyone as fo

from vicinal_fiftyone.answers import Answers, Guess
from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.link import Collection, Link, root_of

__all__ = ["DUPLICATES", "NEXT", "SUSPECTS", "save_views", "view_name", "write_fields"]

NEXT = "next to label"
SUSPECTS = "suspected errors"
DUPLICATES = "near duplicates"

_GUESS = {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Classification}
_FLOAT = {"ftype": fo.FloatField}
_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "belief": (_GUESS, "The class this sample is believed to have; none where no label reaches it."),
    "confidence": (_FLOAT, "Belief in that class, 0 to 1."),
    "suspicion": (_FLOAT, "Probability that the label is wrong, 0 to 1."),
    "suggested": (_GUESS, "The class that fits better than a label that looks wrong."),
    "rank": ({"ftype": fo.IntField}, "Place among the samples to label next, from 1."),
    "near_duplicate": (
        {"ftype": fo.ListField, "subfield": fo.StringField},
        "Ids of the earlier samples that this one all but repeats.",
    ),
    "outlier": (_FLOAT, "Far from all other samples: the share of samples that are less far."),
}


def write_fields(samples: Collection, link: Link, answers: Answers) -> None:
    """Write the fields of all `samples`; what is no longer known becomes None.

    Only values that differ are written, since FiftyOne reads many times faster than it writes.

    Raises:
        FiftyOneError: a field of one of the names is there and of another type.
    """
    dataset = root_of(samples)
    for name, (kind, description) in _FIELDS.items():
        _declare(dataset, link.field(name), kind, description)
    columns: dict[str, Mapping[str, Any]] = {
        "belief": answers.beliefs,
        "confidence": {sample_id: guess.confidence for sample_id, guess in answers.beliefs.items()},
        "suspicion": answers.suspicions,
        "suggested": answers.suggested,
        "rank": answers.ranks,
        "near_duplicate": answers.near_duplicates,
        "outlier": answers.outliers,
    }
    ids = samples.values("id")
    for name, column in columns.items():
        field = link.field(name)
        present = zip(ids, _values(samples, field, name), strict=True)
        changed = {one: column.get(one) for one, value in present if column.get(one) != value}
        if changed:
            written = {one: _as_written(value) for one, value in changed.items()}
            samples.set_values(field, written, key_field="id")


def save_views(samples: Collection, link: Link) -> None:
    """Save the views of the whole dataset that people work through; they follow the fields by themselves."""
    dataset = root_of(samples)
    rank, suspicion = link.field("rank"), link.field("suspicion")
    views = {
        NEXT: dataset.exists(rank).sort_by(rank),
        SUSPECTS: dataset.exists(link.field("suggested")).sort_by(suspicion, reverse=True),
        DUPLICATES: dataset.exists(link.field("near_duplicate")),
    }
    for name, view in views.items():
        dataset.save_view(view_name(link, name), view, overwrite=True)


def view_name(link: Link, name: str) -> str:
    """Return what a saved view is called, e.g. "vicinal: next to label"."""
    return f"{link.prefix}: {name}"


def _declare(dataset: fo.Dataset, name: str, kind: Mapping[str, Any], description: str) -> None:
    if not dataset.has_sample_field(name):
        dataset.add_sample_field(name, description=description, **kind)
        return
    field = dataset.get_field(name)
    document = kind.get("embedded_doc_type")
    if type(field) is not kind["ftype"] or (document and field.document_type is not document):
        raise FiftyOneError(f"the field {name!r} holds {field} already: give another prefix")


def _values(samples: Collection, field: str, name: str) -> Iterable[Any]:
    """Return what the field holds, as `Answers` has it."""
    if _FIELDS[name][0] is not _GUESS:
        found: list[Any] = samples.values(field)
        # An empty list is FiftyOne's way to say that there is none.
        return (None if value == [] else value for value in found)
    labels = zip(*samples.values([f"{field}.label", f"{field}.confidence"]), strict=True)
    return (None if label is None else Guess(label, confidence) for label, confidence in labels)


def _as_written(value: Any) -> Any:
    if isinstance(value, Guess):
        return fo.Classification(label=value.class_name, confidence=value.confidence)
    return value
