"""The labels of one dataset, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from graph_service.events import Trust

__all__ = ["LabelColumns", "LabelTable"]

Whole = TypeVar("Whole", int, npt.NDArray[np.int64])

_CODE_BITS = 32
_CODES = 2**_CODE_BITS - 1
_FEW = 1024
"""Changes up to which the order is mended, not made anew."""


@dataclass(frozen=True, eq=False)
class LabelColumns:
    """Every label once; the four columns have one length m.

    Attributes:
        samples: int64 (m,), the sample (a row of the tables, or an index of a snapshot's ids).
        annotators: int32 (m,), an index into `annotator_names`.
        classes: int32 (m,), class index.
        trusts: int8 (m,), values of `Trust`.
        annotator_names: names by index.
    """

    samples: npt.NDArray[np.int64]
    annotators: npt.NDArray[np.int32]
    classes: npt.NDArray[np.int32]
    trusts: npt.NDArray[np.int8]
    annotator_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.samples)


class LabelTable:
    """At most one label a sample and annotator. Single operations take O(1), `columns` a vectorised copy.

    Of every label the key is its row and its annotator's code in one number.
    """

    def __init__(self) -> None:
        # One line a label: sample row, annotator code, class index, trust. A free line's row is -1.
        self._lines: npt.NDArray[np.int64] = np.full((1024, 4), -1, np.int64)
        self._free: list[int] = []
        self._used = 0
        self._by_sample: dict[int, dict[int, int]] = {}
        self._codes: dict[str, int] = {}
        self._counts = {Trust.VERIFIED: 0, Trust.GIVEN: 0}
        # The keys in order with the lines they are in, but for the changed ones; None where all are changed.
        self._ordered: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None
        self._changed: set[int] = set()

    def count(self, trust: Trust) -> int:
        """Return how many labels have this trust."""
        return self._counts[trust]

    def has(self, row: int, annotator: str) -> bool:
        """Say whether `annotator` has labelled the sample."""
        return self._codes.get(annotator, -1) in self._by_sample.get(row, {})

    def is_verified(self, row: int) -> bool:
        """Say whether the sample has a verified label of anyone."""
        lines = list(self._by_sample.get(row, {}).values())
        return bool((self._lines[lines, 3] == Trust.VERIFIED).any())

    def put(self, row: int, annotator: str, class_index: int, trust: Trust) -> None:
        """State a label, in place of the annotator's earlier one."""
        code = self._codes.setdefault(annotator, len(self._codes))
        if self.has(row, annotator):
            self.drop(row, annotator)
        line = self._free.pop() if self._free else self._new_line()
        self._lines[line] = row, code, class_index, trust
        self._change(row, code)
        self._by_sample.setdefault(row, {})[code] = line
        self._counts[trust] += 1

    def drop(self, row: int, annotator: str) -> None:
        """Take one label back."""
        labels, code = self._by_sample[row], self._codes[annotator]
        self._release(labels.pop(code))
        self._change(row, code)
        if not labels:
            del self._by_sample[row]

    def drop_sample(self, row: int) -> None:
        """Take all labels of a sample back."""
        for code, line in self._by_sample.pop(row, {}).items():
            self._release(line)
            self._change(row, code)

    def columns(self) -> LabelColumns:
        """Return a copy of all labels by sample and annotator; O(m), O(m log m) after many changes."""
        self._ordered = self._mended(*self._ordered) if self._ordered else self._sorted()
        self._changed.clear()
        lines = self._lines[self._ordered[1]]
        return LabelColumns(
            samples=lines[:, 0].copy(),
            annotators=lines[:, 1].astype(np.int32),
            classes=lines[:, 2].astype(np.int32),
            trusts=lines[:, 3].astype(np.int8),
            annotator_names=tuple(self._codes),
        )

    def _sorted(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        lines = np.flatnonzero(self._lines[: self._used, 0] >= 0)
        keys = _key(self._lines[lines, 0], self._lines[lines, 1])
        order = np.argsort(keys)
        return keys[order], lines[order]

    def _mended(
        self, keys: npt.NDArray[np.int64], lines: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        changed = np.array(sorted(self._changed), np.int64)
        places = np.searchsorted(keys, changed)
        known = keys[np.minimum(places, len(keys) - 1)] == changed if len(keys) else places < 0
        keys, lines = np.delete(keys, places[known]), np.delete(lines, places[known])
        found = [self._by_sample.get(key >> _CODE_BITS, {}).get(key & _CODES, -1) for key in changed.tolist()]
        now = np.array(found, np.int64)
        places = np.searchsorted(keys, changed[now >= 0])
        return np.insert(keys, places, changed[now >= 0]), np.insert(lines, places, now[now >= 0])

    def _change(self, row: int, code: int) -> None:
        if self._ordered:
            self._changed.add(_key(row, code))
            if len(self._changed) > _FEW:
                self._ordered = None
                self._changed.clear()

    def _new_line(self) -> int:
        if self._used == len(self._lines):
            self._lines = np.concatenate([self._lines, np.full_like(self._lines, -1)])
        self._used += 1
        return self._used - 1

    def _release(self, line: int) -> None:
        self._counts[Trust(self._lines[line, 3])] -= 1
        self._lines[line, 0] = -1
        self._free.append(line)


def _key(row: Whole, code: Whole) -> Whole:
    """Return numbers, or arrays of them, in the order of (row, code)."""
    return (row << _CODE_BITS) | code
