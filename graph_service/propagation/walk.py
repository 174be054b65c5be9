"""Random walks on the bare edges, stopped at covered nodes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import prange

from graph_service.propagation.parallel import parallel

__all__ = ["survivors"]


@parallel
def survivors(
    indptr: npt.NDArray[np.int32], indices: npt.NDArray[np.int32], covered: npt.NDArray[np.bool_], steps: int
) -> npt.NDArray[np.float64]:
    """Return v_i / d_i, float64 (n,): v_i walkers stand on node i after `steps` steps, d_i is its degree.

    One walker starts at every node that has an edge, goes along edges picked uniformly, and is gone once
    it stands on a covered node. On symmetric edges A that is x ← D⁻¹A x from x = 1/d, with x = 0 where
    covered: every row is gathered by itself. O(steps · nnz).
    """
    n = len(covered)
    here, there, inverse = np.empty(n), np.empty(n), np.empty(n)
    for i in prange(n):
        inverse[i] = 1.0 / max(indptr[i + 1] - indptr[i], 1)
        here[i] = 0.0 if covered[i] or indptr[i + 1] == indptr[i] else inverse[i]
    for _ in range(steps):
        for i in prange(n):
            total = 0.0
            if not covered[i]:
                for p in range(indptr[i], indptr[i + 1]):
                    total += here[indices[p]]
            there[i] = total * inverse[i]
        here, there = there, here
    return here
