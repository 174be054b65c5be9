"""How this service runs numba kernels on all cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

# Read when OpenMP starts: threads that wait for each other at the end of a step sleep. Where another process
# wants a core, spinning made a propagation four times slower; but some microseconds of it spare most steps
# the waking up, a tenth of a propagation at 60,000 nodes.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from numba import njit

__all__ = ["parallel", "parallel_within"]

P = ParamSpec("P")
R = TypeVar("R")

_running = threading.Lock()


def parallel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function`, whose loops over `numba.prange` use all cores, and let one such call run at a time.

    numba's fallback threading layer (`workqueue`, where neither OpenMP nor TBB is found) ends the process
    when two threads run parallel kernels at once; and as one call takes all cores, a second gains nothing.
    The call releases the GIL. The machine code is cached beside the source, or in NUMBA_CACHE_DIR.
    """
    return _one_at_a_time(njit(parallel=True, nogil=True, cache=True, error_model="numpy")(function))


def parallel_within(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` as `parallel` does; its parallel loops are those of the kernels that it calls."""
    return _one_at_a_time(njit(nogil=True, cache=True, error_model="numpy")(function))


def _one_at_a_time(compiled: Callable[P, R]) -> Callable[P, R]:
    @wraps(compiled)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _running:
            return compiled(*args, **kwargs)

    return run
