"""Labels as someone states them beside labels as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vicinal_client._graph_types import Label, LabelKey

__all__ = ["LabelDifference", "label_difference"]


@dataclass(frozen=True)
class LabelDifference:
    """What must be written so that a dataset says what is stated; false when that is nothing.

    Attributes:
        add: labels to add; they replace those of their sample and annotator.
        remove: labels to take back.
    """

    add: tuple[Label, ...]
    remove: tuple[LabelKey, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


def label_difference(present: Iterable[Label], stated: Iterable[Label]) -> LabelDifference:
    """Compare the labels that a dataset has with those that it should have. O(present + stated).

    Args:
        present: what `list_labels` returned, of those samples and annotators alone that the caller speaks
            for: what is not stated is taken back.
        stated: the labels that there should be; of two for one sample and annotator the later counts.
    """
    there = {_key(label): label for label in present}
    wanted = {_key(label): label for label in stated}
    return LabelDifference(
        tuple(label for key, label in wanted.items() if there.get(key) != label),
        tuple(key for key in there if key not in wanted),
    )


def _key(label: Label) -> LabelKey:
    return LabelKey(label.sample_id, label.annotator)
