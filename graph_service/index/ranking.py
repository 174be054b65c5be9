"""Ranked lists: k slots a row by falling similarity, then rising slot, padded with -1 and -inf."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.index.half import kernel
from graph_service.index.vectors import Float32Array, Int32Array

__all__ = ["empty_lists", "exceeding", "insert", "select", "take_in"]


def empty_lists(rows: int, k: int) -> tuple[Int32Array, Float32Array]:
    """Lists of nothing but padding: slots int32 (rows, k) and similarities float32 (rows, k)."""
    return np.full((rows, k), -1, dtype=np.int32), np.full((rows, k), -np.inf, dtype=np.float32)


@kernel
def exceeding(
    products: Float32Array, floor: Float32Array
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Rows int64 and columns int32 of what in `products`, float32 (m, c), is above `floor`, float32 (c,)."""
    rows, columns = products.shape
    count = 0
    for i in range(rows):
        for j in range(columns):
            count += products[i, j] > floor[j]
    found_rows, found_columns = np.empty(count, np.int64), np.empty(count, np.int32)
    count = 0
    for i in range(rows):
        for j in range(columns):
            if products[i, j] > floor[j]:
                found_rows[count], found_columns[count] = i, j
                count += 1
    return found_rows, found_columns


@kernel
def select(
    list_slots: Int32Array, list_similarities: Float32Array, products: Float32Array, first: int
) -> None:
    """Merge all of `products`, float32 (m, c), into the m ranked lists, in place; in none of them already.

    Column j is of slot `first` + j. What is not above a list's last stays out: ties keep the slots that
    came first.
    """
    for i in range(len(products)):
        floor = list_similarities[i, -1]
        for j in range(products.shape[1]):
            if products[i, j] > floor:
                insert(list_slots[i], list_similarities[i], first + j, products[i, j])
                floor = list_similarities[i, -1]


def take_in(
    lists: tuple[Int32Array, Float32Array],
    rows: npt.NDArray[np.integer],
    slots: Int32Array,
    similarities: Float32Array,
) -> Int32Array:
    """Merges candidates into ranked lists, in place. O(candidates · k), and mostly far less.

    Args:
        lists: slots int32 (n, k) and similarities float32 (n, k).
        rows: (t,), the list each candidate is for.
        slots: int32 (t,), the candidates, none of them in its list already.
        similarities: float32 (t,).

    Returns:
        What each pushed out of its list, int32 (t,): -1 where there was room, itself where it did not enter.
    """
    return _take_in(*lists, rows, slots, similarities)


@kernel
def _take_in(
    list_slots: Int32Array, list_similarities: Float32Array, rows: npt.NDArray[np.integer],
    slots: Int32Array, similarities: Float32Array,
) -> Int32Array:  # fmt: skip
    out = np.empty(len(rows), np.int32)
    for c in range(len(rows)):
        out[c] = insert(list_slots[rows[c]], list_similarities[rows[c]], slots[c], similarities[c])
    return out


@kernel
def insert(slots: Int32Array, similarities: Float32Array, slot: int, similarity: np.float32) -> int:
    """Put a slot where it belongs in one ranked list, whose last leaves it; nowhere if behind the last.

    Return the slot that is out then, -1 if none is.
    """
    last: int = slots[-1]
    place = len(slots)
    while place > 0 and (
        similarities[place - 1] < similarity
        or (similarities[place - 1] == similarity and slots[place - 1] > slot)
    ):
        if place < len(slots):
            slots[place], similarities[place] = slots[place - 1], similarities[place - 1]
        place -= 1
    if place == len(slots):
        return slot
    slots[place], similarities[place] = slot, similarity
    return last
