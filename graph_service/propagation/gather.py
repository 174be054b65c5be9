"""What a node hears, in vector registers, for kernels that do more with it than write it down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from graph_service.propagation.lanes import add_rows, zeros

__all__ = ["gatherer", "inlined"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Floats = npt.NDArray[np.floating]


def gatherer(size: int) -> Callable[..., Any]:
    """Return a compiled function: (indptr, indices, weights, node, rows, column) → `size` columns.

    That vector is the sum of the node's neighbours' `rows`, times the weights of the edges.
    """

    def gather(
        indptr: Int64, indices: Int32, weights: Floats, node: int, rows: npt.NDArray[np.float32], column: int
    ) -> Any:
        p, end = indptr[node], indptr[node + 1]
        heard = zeros(size)
        while p + 8 <= end:
            heard = add_rows(heard, weights, indices, p, rows, column, 8)
            p += 8
        if p + 4 <= end:
            heard = add_rows(heard, weights, indices, p, rows, column, 4)
            p += 4
        if p + 2 <= end:
            heard = add_rows(heard, weights, indices, p, rows, column, 2)
            p += 2
        if p < end:
            heard = add_rows(heard, weights, indices, p, rows, column, 1)
        return heard

    return inlined(gather, size)


def inlined(function: Callable[..., Any], size: int) -> Callable[..., Any]:
    """Compile `function`, which the vector size `size` is part of, into whatever calls it.

    By numba itself: left to LLVM, vectors that functions return go through memory.
    """
    # A name for each size, as cached kernels are linked by name.
    function.__qualname__ = f"{function.__name__}_{size}"
    compiled: Callable[..., Any] = njit(inline="always", error_model="numpy")(function)
    return compiled
