"""What a node hears, in vector registers, for kernels that do more with it than write it down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from graph_service.propagation.lanes import add_scaled, load, zeros

__all__ = ["gatherer", "inlined"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Floats = npt.NDArray[np.floating]


def gatherer(size: int) -> Callable[..., Any]:
    """Return a compiled function that gives `size` columns of what a node hears, as a vector.

    That is the sum of its neighbours' rows, times the weights of the edges.
    """

    def gather(
        indptr: Int64, indices: Int32, weights: Floats, node: int, rows: npt.NDArray[np.float32], column: int
    ) -> Any:
        heard = zeros(size)
        for p in range(indptr[node], indptr[node + 1]):
            neighbour = load(rows, np.intp(indices[p]), column, size)
            heard = add_scaled(heard, np.float32(weights[p]), neighbour)
        return heard

    return inlined(gather, size)


def inlined(function: Callable[..., Any], size: int) -> Callable[..., Any]:
    """Compile `function`, which the vector size `size` is part of, into whatever calls it."""
    # A name for each size, as cached kernels are linked by name.
    function.__qualname__ = f"{function.__name__}_{size}"
    compiled: Callable[..., Any] = njit(forceinline=True, error_model="numpy")(function)
    return compiled
