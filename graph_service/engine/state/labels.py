"""The labels of one dataset, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from graph_service.events import Trust

__all__ = ["LabelColumns", "LabelTable"]

Column = TypeVar("Column", npt.NDArray[np.int64], npt.NDArray[np.int16], npt.NDArray[np.int8])
_Label = tuple[int, Trust]

_CODE_BITS = 32
_CODES = 2**_CODE_BITS - 1
_FEW = 1024
"""Changes that may wait however few labels there are."""
_ALL = slice(None)
_GONE = -1
"""Class and trust of a label that was taken back."""


@dataclass(frozen=True, eq=False)
class LabelColumns:
    """Every label once, by sample and annotator; the columns have one length m and are never written to.

    Attributes:
        keys: int64 (m,), rising: the sample's row in the tables and the annotator's number, in one.
        classes: int16 (m,), class index; `Limits.max_classes` is less than its range.
        trusts: int8 (m,), values of `Trust`.
        annotator_names: names by number.
    """

    keys: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int16]
    trusts: npt.NDArray[np.int8]
    annotator_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def label(self, place: int) -> _Label:
        """Return the class and trust of one."""
        return int(self.classes[place]), Trust(self.trusts[place])

    def rows(self, places: slice = _ALL) -> npt.NDArray[np.int64]:
        """Return the samples' rows in the tables, rising: int64."""
        return self.keys[places] >> _CODE_BITS

    def row(self, place: int) -> int:
        """Return the row of one label's sample."""
        return int(self.keys[place]) >> _CODE_BITS

    def annotator(self, place: int) -> str:
        """Return who stated one label."""
        number: int = int(self.keys[place]) & _CODES
        return self.annotator_names[number]

    def annotators(self, places: slice = _ALL) -> npt.NDArray[np.int32]:
        """Return who stated them, as indices into `annotator_names`: int32."""
        numbers: npt.NDArray[np.int32] = (self.keys[places] & _CODES).astype(np.int32)
        return numbers

    def places_of(self, row: int) -> slice:
        """Return the places of a sample's labels; O(log m)."""
        return slice(*self.keys.searchsorted([row << _CODE_BITS, (row + 1) << _CODE_BITS]).tolist())

    def among(self, chosen: npt.NDArray[np.bool_]) -> LabelColumns:
        """Return the labels chosen by bool (m,)."""
        return LabelColumns(
            self.keys[chosen], self.classes[chosen], self.trusts[chosen], self.annotator_names
        )


class LabelTable:
    """At most one label a sample and annotator: 11 bytes each, and up to 400 where it changed of late.

    Of every label the key is its row and its annotator's code in one number. Changes wait beside the arrays
    until these are asked for, or the changes are many. One thread at a time changes labels or asks for
    `columns`; another may ask for single labels meanwhile.
    """

    def __init__(self) -> None:
        nothing = np.zeros(0, np.int64)
        self._settled = LabelColumns(nothing, nothing.astype(np.int16), nothing.astype(np.int8), ())
        # What is not in the arrays yet: row → annotator code → class index and trust, None where it is gone.
        self._changed: dict[int, dict[int, _Label | None]] = {}
        self._change_count = 0
        self._codes: dict[str, int] = {}
        self._counts = {Trust.VERIFIED: 0, Trust.GIVEN: 0}

    def count(self, trust: Trust) -> int:
        """Return how many labels have this trust."""
        return self._counts[trust]

    def has(self, row: int, annotator: str) -> bool:
        """Say whether `annotator` has labelled the sample; O(log m)."""
        code = self._codes.get(annotator)
        return code is not None and self._label(row, code) is not None

    def is_verified(self, row: int) -> bool:
        """Say whether the sample has a verified label of anyone; O(log m), and the sample's labels."""
        return any(trust is Trust.VERIFIED for _, trust in self._of_sample(row).values())

    def put(self, row: int, annotator: str, class_index: int, trust: Trust) -> None:
        """State a label, in place of the annotator's earlier one; O(log m), now and then O(m)."""
        code = self._codes.setdefault(annotator, len(self._codes))
        self._change(row, code, self._label(row, code), (class_index, trust))

    def drop(self, row: int, annotator: str) -> None:
        """Take one label back, which must be there."""
        code = self._codes[annotator]
        self._change(row, code, self._label(row, code), None)

    def drop_sample(self, row: int) -> None:
        """Take all labels of a sample back."""
        for code, label in self._of_sample(row).items():
            self._change(row, code, label, None)

    def columns(self) -> LabelColumns:
        """Return all labels by sample and annotator; O(m + c log c) after c changes."""
        self._settle()
        return self._settled

    def _label(self, row: int, code: int) -> _Label | None:
        changed = self._changed.get(row, {})  # before the arrays, as it goes after they come
        if code in changed:
            return changed[code]
        settled, key = self._settled, row << _CODE_BITS | code
        place = int(settled.keys.searchsorted(key))
        return settled.label(place) if place < len(settled.keys) and settled.keys[place] == key else None

    def _of_sample(self, row: int) -> dict[int, _Label]:
        """Return the sample's labels by the annotators' codes."""
        changed = self._changed.get(row, {})
        settled = self._settled
        places = settled.places_of(row)
        codes = settled.annotators(places).tolist()
        labels = {code: settled.label(places.start + i) for i, code in enumerate(codes)} | changed
        return {code: label for code, label in labels.items() if label is not None}

    def _change(self, row: int, code: int, before: _Label | None, after: _Label | None) -> None:
        if before:
            self._counts[before[1]] -= 1
        if after:
            self._counts[after[1]] += 1
        changed = self._changed.setdefault(row, {})
        self._change_count += code not in changed
        changed[code] = after
        # Waiting changes take much memory; to settle them in such numbers costs O(log m) each in the end.
        if self._change_count > max(_FEW, len(self._settled.keys) // 4):
            self._settle()

    def _settle(self) -> None:
        """Bring the changes into the arrays."""
        if self._changed:
            changes = [
                (row << _CODE_BITS | code, *(label or (_GONE, _GONE)))
                for row, labels in self._changed.items()
                for code, label in labels.items()
            ]
            names, columns = tuple(self._codes), np.array(sorted(changes), np.int64).T
            self._settled = _with_changes(self._settled, names, *columns)
            self._changed, self._change_count = {}, 0


def _with_changes(
    before: LabelColumns,
    annotator_names: tuple[str, ...],
    keys: npt.NDArray[np.int64],
    classes: npt.NDArray[np.int64],
    trusts: npt.NDArray[np.int64],
) -> LabelColumns:
    """Return the labels after changes, whose keys rise."""
    places = before.keys.searchsorted(keys)
    known, stays = np.zeros(len(keys), np.bool_), classes != _GONE
    inside = places < len(before.keys)
    known[inside] = before.keys[places[inside]] == keys[inside]
    replaced, new, gone = known & stays, ~known & stays, places[known & ~stays]
    between = places[new] - np.searchsorted(gone, places[new])

    def changed(column: Column, values: npt.NDArray[np.int64]) -> Column:
        if replaced.any():
            column = column.copy()
            column[places[replaced]] = values[replaced]
        if len(gone):
            column = np.delete(column, gone)
        return np.insert(column, between, values[new]) if len(between) else column

    return LabelColumns(
        changed(before.keys, keys),
        changed(before.classes, classes),
        changed(before.trusts, trusts),
        annotator_names,
    )
