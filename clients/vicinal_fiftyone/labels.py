"""What FiftyOne says about labels beside what vicinal's log says, and the writes that make them equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vicinal_client import Label, LabelKey, Trust

__all__ = ["Difference", "Statement", "difference"]


@dataclass(frozen=True)
class Statement:
    """What FiftyOne says about one sample.

    Attributes:
        class_name: its class.
        is_verified: whether a person has confirmed it.
    """

    class_name: str
    is_verified: bool


@dataclass(frozen=True)
class Difference:
    """What must be written so that the log says what FiftyOne says.

    Attributes:
        stated: labels that are new, changed, or confirmed since.
        removed: labels that FiftyOne has no longer.
    """

    stated: tuple[Label, ...]
    removed: tuple[LabelKey, ...]


def difference(
    statements: Mapping[str, Statement | None], listed: Iterable[Label], annotator: str, trust: Trust
) -> Difference:
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
    known = {label.sample_id: label for label in listed if label.annotator == annotator}
    stated: list[Label] = []
    removed: list[LabelKey] = []
    for sample_id, statement in statements.items():
        before = known.get(sample_id)
        if statement is None:
            if before is not None:
                removed.append(LabelKey(sample_id, annotator))
            continue
        wanted = Trust.VERIFIED if statement.is_verified else trust
        is_known = before is not None and before.class_name == statement.class_name
        is_confirmed = statement.is_verified and before is not None and before.trust is Trust.GIVEN
        if not is_known or is_confirmed:
            stated.append(Label(sample_id, statement.class_name, annotator, wanted))
    return Difference(tuple(stated), tuple(removed))
