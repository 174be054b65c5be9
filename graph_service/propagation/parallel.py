"""How this service runs numba kernels on all cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

# Read when OpenMP starts: threads that wait for each other at the end of a step then sleep instead of
# spinning. Where another process wants a core, spinning made a propagation four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from numba import njit

__all__ = ["parallel"]

P = ParamSpec("P")
R = TypeVar("R")

_running = threading.Lock()


def parallel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function`, whose loops over `numba.prange` use all cores, and let one such call run at a time.

    numba's fallback threading layer (`workqueue`, where neither OpenMP nor TBB is found) ends the process
    when two threads run parallel kernels at once; and as one call takes all cores, a second gains nothing.
    The call releases the GIL. The machine code is cached beside the source, or in NUMBA_CACHE_DIR.
    """
    compiled = njit(parallel=True, nogil=True, cache=True, error_model="numpy")(function)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _running:
            result: R = compiled(*args, **kwargs)
        return result

    return run
