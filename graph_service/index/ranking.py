"""Ranked lists: k slots a row by falling similarity, then rising slot, padded with -1 and -inf."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.index.half import kernel
from graph_service.index.vectors import Float32Array, Int32Array

__all__ = ["empty_lists", "exceeding", "insert", "take_in"]

_FLOOD = 4
"""Pairs per list entry from which selecting the best comes cheaper than sorting them all."""


def empty_lists(rows: int, k: int) -> tuple[Int32Array, Float32Array]:
    """Lists of nothing but padding: slots int32 (rows, k) and similarities float32 (rows, k)."""
    return np.full((rows, k), -1, dtype=np.int32), np.full((rows, k), -np.inf, dtype=np.float32)


def exceeding(
    products: Float32Array, floor: Float32Array, k: int, axis: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Positions of `products` above `floor`, all or at least the k best along `axis`.

    A handful of passes over the block and no sort, as long as the floor lets little through.

    Args:
        products: float32 (m, c).
        floor: float32 (m, 1) for axis 1, or (1, c) for axis 0.
        k: how many of each line along `axis` matter.
        axis: the axis a line runs along.

    Returns:
        Row and column numbers of the positions, in row order.
    """
    above = products > floor
    if np.count_nonzero(above) > _FLOOD * k * floor.size and products.shape[axis] > k:
        best = np.argpartition(products, -k, axis=axis).take(np.arange(-k, 0), axis=axis)
        selected = np.zeros_like(above)
        np.put_along_axis(selected, best, values=True, axis=axis)
        above &= selected
    rows, columns = np.divmod(np.flatnonzero(above), products.shape[1])
    return rows, columns


def take_in(
    lists: tuple[Int32Array, Float32Array],
    rows: npt.NDArray[np.integer],
    slots: Int32Array,
    similarities: Float32Array,
) -> None:
    """Merges candidates into ranked lists, in place. O(candidates · k), and mostly far less.

    Args:
        lists: slots int32 (n, k) and similarities float32 (n, k).
        rows: (t,), the list each candidate is for.
        slots: int32 (t,), the candidates, none of them in its list already.
        similarities: float32 (t,).
    """
    _take_in(*lists, rows, slots, similarities)


@kernel
def _take_in(
    list_slots: Int32Array, list_similarities: Float32Array, rows: npt.NDArray[np.integer],
    slots: Int32Array, similarities: Float32Array,
) -> None:  # fmt: skip
    for c in range(len(rows)):
        insert(list_slots[rows[c]], list_similarities[rows[c]], slots[c], similarities[c])


@kernel
def insert(slots: Int32Array, similarities: Float32Array, slot: int, similarity: np.float32) -> None:
    """Put a slot where it belongs in one ranked list, whose last leaves it; nowhere if behind the last."""
    place = len(slots)
    while place > 0 and (
        similarities[place - 1] < similarity
        or (similarities[place - 1] == similarity and slots[place - 1] > slot)
    ):
        if place < len(slots):
            slots[place], similarities[place] = slots[place - 1], similarities[place - 1]
        place -= 1
    if place < len(slots):
        slots[place], similarities[place] = slot, similarity
