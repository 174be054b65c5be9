"""Every kernel compiled before the first caller waits for it: `python -m graph_service.kernels`."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

from numba import njit

from graph_service.linear import warm_up as linear
from graph_service.neighbours import warm_up as neighbours
from graph_service.pooling import warm_up as pooling
from graph_service.propagation import warm_up as propagation
from graph_service.suggestion import warm_up as suggestion

__all__ = ["load", "warm_up"]

_logger = logging.getLogger(__name__)


def load() -> None:
    """Load every kernel from the disk's cache, for which they are compiled first if it has none.

    Another process does that, as numba keeps what its compiler made, 370 MB, until the process ends.
    """
    start = time.perf_counter()
    if not _is_cached():
        _logger.info("compiling kernels; the first start on a machine does, for about half a minute")
        # Should it fail, they are compiled below.
        subprocess.run([sys.executable, "-m", __name__], check=False)
    warm_up()
    _logger.info("kernels are ready after %.1f s", time.perf_counter() - start)


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: half a minute, or half a second."""
    for kernels in (neighbours, propagation, linear, pooling, suggestion):
        kernels.warm_up()


@njit(cache=True)
def _probe() -> int:
    return 0


def _is_cached() -> bool:
    """Say whether the cache has one kernel, which stands for all; `warm_up` sees to those it has not."""
    _probe()
    return bool(_probe.stats.cache_hits)


if __name__ == "__main__":
    warm_up()
