"""The vectors of the nodes, by slot."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from graph_service.index.half import Bits, Kept, lengths, products, widen_rows
from graph_service.index.threads import CORES, in_parts

__all__ = ["WIDENED", "BoolArray", "Float32Array", "Int32Array", "UnitVectors", "VectorTable", "grown"]

Int32Array = npt.NDArray[np.int32]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

WIDENED = 2**21
"""Numbers of a table worth making float32 at a time: what a core's cache holds."""
_FEW = 4
"""Queries up to which products are made number by number; more share a float32 copy of the rows."""
_LEAST_PART = 2048
"""Rows worth a thread."""


def grown(array: npt.NDArray[Scalar], rows: int, fill: Any) -> npt.NDArray[Scalar]:
    """`array` itself if it has `rows` rows, else a copy of at least twice its length.

    Doubling makes the cost of n single appends O(n). New rows hold `fill`.
    """
    if rows <= len(array):
        return array
    # Zeros cost no memory until written, and the vectors are most of what is held.
    larger = np.zeros((max(rows, 2 * len(array)), *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    if fill:
        larger[len(array) :] = fill
    return larger


class UnitVectors:
    """Unit vectors over slots, held as float16 and handed out as float32.

    Rounding to float16 leaves a row's length off by some 1e-5 and turns it by some 3e-4 (relative to 1); its
    scale makes the length 1 again, so that cosines are those of the rounded vectors, exact to float32.

    Attributes:
        kept: float16 (slots, d).
        scales: float32 (slots,), one over the length of each row of `kept`; 0 where that is zero.
    """

    def __init__(self, kept: Kept, scales: Float32Array) -> None:
        self.kept = kept
        self.scales = scales

    @property
    def bits(self) -> Bits:
        """`kept` as kernels take it, a view."""
        return self.kept.view(np.uint16)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self.kept.shape[1]

    def __len__(self) -> int:
        """Number of slots there is room for."""
        return len(self.kept)

    def __getitem__(self, slots: slice | Int32Array) -> Float32Array:
        """Vectors float32 (len(slots), d), a copy."""
        rows = np.arange(len(self), dtype=np.int32)[slots] if isinstance(slots, slice) else slots
        out = np.empty((len(rows), self.dimension), np.float32)
        # On one core: a matrix product mostly follows, whose threads go on spinning where others would run.
        widen_rows(self.bits, self.scales, rows, out)
        return out

    def similarities(self, queries: Float32Array, low: int, high: int) -> Float32Array:
        """Cosines of queries float32 (m, d), unit rows, with slots from `low` to `high` - 1.

        O(m (high - low) d).

        Returns:
            float32 (m, high - low) in [-1, 1]; 0 with slots never put.
        """
        if len(queries) > _FEW:
            found: Float32Array = queries @ self[low:high].T
        else:
            found = np.empty((len(queries), high - low), np.float32)
            bits, scales = self.bits[low:high], self.scales[low:high]

            def part(start: int, stop: int) -> None:
                products(queries, bits, scales, start, stop, found)

            in_parts(part, high - low, max(_LEAST_PART, -(-(high - low) // CORES)))
        np.clip(found, -1, 1, out=found)
        return found


class VectorTable(UnitVectors):
    """Unit vectors in growable arrays.

    Slots never put hold zeros; a slot whose node is gone keeps its last vector until it is used again.
    The table is copied when a frozen slot is put again, which only the use of free slots and new vectors
    for old samples do.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__(np.zeros((0, dimension), np.float16), np.zeros(0, np.float32))
        self._frozen = 0

    def freeze(self, slots: int) -> UnitVectors:
        """The first vectors as they are now, (slots, dimension); no later `put` changes them."""
        self._frozen = max(self._frozen, slots)
        kept, scales = self.kept[:slots], self.scales[:slots]
        kept.flags.writeable = scales.flags.writeable = False
        return UnitVectors(kept, scales)

    def put(self, slots: Int32Array, vectors: npt.NDArray[np.floating]) -> None:
        """Writes one vector a slot, growing the table as needed.

        Args:
            slots: int32 (m,), distinct, at least 0.
            vectors: (m, dimension), rows of unit length up to rounding; they are kept as float16.
        """
        if slots.min(initial=self._frozen) < self._frozen:
            self.kept, self.scales, self._frozen = self.kept.copy(), self.scales.copy(), 0
        end = int(slots.max(initial=-1)) + 1
        self.kept, self.scales = grown(self.kept, end, 0), grown(self.scales, end, 0)
        rounded = np.ascontiguousarray(vectors, np.float16)
        length = lengths(rounded.view(np.uint16))
        self.kept[slots] = rounded
        self.scales[slots] = np.divide(1, length, out=np.zeros_like(length), where=length > 0)
