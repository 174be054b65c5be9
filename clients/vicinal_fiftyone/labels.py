"""What FiftyOne says about labels beside what vicinal's log says, and the writes that make them equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vicinal_client import Label, LabelDifference, Trust, label_difference

__all__ = ["Statement", "difference"]


@dataclass(frozen=True)
class Statement:
    """What FiftyOne says about one sample.

    Attributes:
        class_name: its class.
        is_verified: whether a person has confirmed it.
    """

    class_name: str
    is_verified: bool


def difference(
    statements: Mapping[str, Statement | None], listed: Iterable[Label], annotator: str, trust: Trust
) -> LabelDifference:
    """Compare FiftyOne's labels with the log's. O(statements + listed).

    A label whose class is the same is written again only if it has been confirmed; it is never believed less
    than before, since a person who looked has looked.

    Args:
        statements: for every sample in question what FiftyOne says, None where it has no label. Labels of
            other samples are left alone.
        listed: the log's labels; those of other annotators are left alone.
        annotator: who states FiftyOne's labels.
        trust: of labels that are new or changed and not confirmed.
    """
    known = {
        label.sample_id: label
        for label in listed
        if label.annotator == annotator and label.sample_id in statements
    }
    stated = (
        Label(sample_id, one.class_name, annotator, _trust(one, known.get(sample_id), trust))
        for sample_id, one in statements.items()
        if one is not None
    )
    return label_difference(known.values(), stated)


def _trust(statement: Statement, before: Label | None, otherwise: Trust) -> Trust:
    if statement.is_verified:
        return Trust.VERIFIED
    return before.trust if before and before.class_name == statement.class_name else otherwise
