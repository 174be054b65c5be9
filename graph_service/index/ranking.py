"""Ranked lists: k slots a row by falling similarity, then rising slot, padded with -1 and -inf."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.index.vectors import Float32Array, Int32Array

__all__ = ["empty_lists", "exceeding", "take_in"]

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
    """Merges candidates into ranked lists, in place. O(c log c) for c = candidates + k · rows named.

    Args:
        lists: slots int32 (n, k) and similarities float32 (n, k).
        rows: (t,), the list each candidate is for.
        slots: int32 (t,), the candidates, none of them in its list already.
        similarities: float32 (t,).
    """
    list_slots, list_similarities = lists
    k = list_slots.shape[1]
    named, group = np.unique(rows, return_inverse=True)
    owners = np.concatenate([np.repeat(np.arange(len(named)), k), group])
    pool = np.concatenate([list_slots[named].ravel(), slots])
    pool_similarities = np.concatenate([list_similarities[named].ravel(), similarities])
    order = np.lexsort((pool, -pool_similarities, owners))
    # Every owner has at least its k old entries, so the first k of each run are its new list.
    starts = np.searchsorted(owners[order], np.arange(len(named)))
    kept = order[starts[:, None] + np.arange(k)]
    list_slots[named] = pool[kept]
    list_similarities[named] = pool_similarities[kept]
