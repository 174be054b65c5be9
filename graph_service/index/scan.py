"""The nearest of vectors that no index holds."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from graph_service.index.ranking import empty_lists, exceeding, take_in
from graph_service.index.vectors import Float32Array, Int32Array

__all__ = ["Rows", "scan"]

_BLOCK = 2**22
"""Products held at a time."""


class Rows(Protocol):
    """Unit vectors by slot, as float32."""

    def __getitem__(self, slots: Int32Array, /) -> Float32Array: ...


def scan(vectors: Rows, slots: Int32Array, queries: Float32Array, k: int) -> tuple[Int32Array, Float32Array]:
    """Return for each query the k of these slots whose vectors have the highest cosine with it, O(m n d).

    Args:
        vectors: unit vectors (any, d).
        slots: int32 (n,), those to look at.
        queries: float32 (m, d), unit rows.
        k: at least 1; may exceed n.

    Returns:
        Places in `slots`, int32 (m, k), nearest first, padded with -1; and the cosines, float32 (m, k),
        padded with -inf.
    """
    lists = empty_lists(len(queries), k)
    width = max(1, _BLOCK // max(1, len(queries)))
    for low in range(0, len(slots), width):
        products: Float32Array = queries @ vectors[slots[low : low + width]].T
        np.clip(products, -1, 1, out=products)
        rows, columns = exceeding(products, lists[1][:, -1:], k, axis=1)
        take_in(lists, rows, (columns + low).astype(np.int32), products[rows, columns])
    return lists
