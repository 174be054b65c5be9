"""vicinal's fields and saved views in a FiftyOne dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    Raises:
        FiftyOneError: a field of one of the names is there and of another type.
    """
    dataset = root_of(samples)
    for name, (kind, description) in _FIELDS.items():
        _declare(dataset, link.field(name), kind, description)
    ids = samples.values("id")
    confidences = {sample_id: guess.confidence for sample_id, guess in answers.beliefs.items()}
    columns: dict[str, tuple[Mapping[str, Any], Callable[[Any], Any] | None]] = {
        "belief": (answers.beliefs, _classification),
        "confidence": (confidences, None),
        "suspicion": (answers.suspicions, None),
        "suggested": (answers.suggested, _classification),
        "rank": (answers.ranks, None),
        "near_duplicate": (answers.near_duplicates, None),
        "outlier": (answers.outliers, None),
    }
    for name, (column, make) in columns.items():
        found = (column.get(sample_id) for sample_id in ids)
        values = [one if one is None or make is None else make(one) for one in found]
        samples.set_values(link.field(name), values)


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


def _classification(guess: Guess) -> fo.Classification:
    return fo.Classification(label=guess.class_name, confidence=guess.confidence)
