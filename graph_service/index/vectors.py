"""The vectors of the nodes, by slot."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["BoolArray", "Float32Array", "Int32Array", "VectorTable", "grown"]

Int32Array = npt.NDArray[np.int32]
Float32Array = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)


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


class VectorTable:
    """Unit vectors over slots, in one growable float32 matrix.

    Slots never put hold zeros; a slot whose node is gone keeps its last vector until it is used again.
    The table is copied when a frozen slot is put again, which only the use of free slots and new vectors
    for old samples do.

    Attributes:
        dimension: length of a vector.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._rows: Float32Array = np.zeros((0, dimension), dtype=np.float32)
        self._frozen = 0

    def __len__(self) -> int:
        """Number of slots there is room for."""
        return len(self._rows)

    def __getitem__(self, slots: slice | Int32Array) -> Float32Array:
        """Vectors (len(slots), dimension): a view for a slice, a copy for an array of slots."""
        return self._rows[slots]

    def freeze(self, slots: int) -> Float32Array:
        """The first vectors as they are now, float32 (slots, dimension); no later `put` changes them."""
        self._frozen = max(self._frozen, slots)
        rows = self._rows[:slots]
        rows.flags.writeable = False
        return rows

    def put(self, slots: Int32Array, vectors: Float32Array) -> None:
        """Writes one unit vector a slot, growing the table as needed.

        Args:
            slots: int32 (m,), distinct, at least 0.
            vectors: float32 (m, dimension), rows of unit length.
        """
        if slots.min(initial=self._frozen) < self._frozen:
            self._rows, self._frozen = self._rows.copy(), 0
        self._rows = grown(self._rows, int(slots.max(initial=-1)) + 1, 0)
        self._rows[slots] = vectors
