"""A batch on a CPU in pieces, each on a core of its own."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CoreRuns", "cores"]

_PIECES = (1, 4)
"""Sizes of a piece that are tried: more gains nothing, and leaves cores idle at a batch's end."""
_CLEARLY = 0.95


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class CoreRuns:
    """Runs batches with a session of one thread, as many pieces at a time as there are cores.

    One run on all cores is soonest over, but its threads wait for each other at every layer, and all of them
    for the one whose core a decoder takes meanwhile. Runs side by side wait for nobody. Keeps the weights a
    second time. For one batch at a time.
    """

    def __init__(self, session: Any, count: int) -> None:
        """Run on `count` cores; `session` computes in the thread that calls it."""
        self._session = session
        self._count = count
        self._input = session.get_inputs()[0].name
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="core")
        self._piece = 0  # not known yet

    def run(self, batch: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the features (n, dimension) of `batch` (n, 3, size, size), n ≥ 1.

        The first batch of four or more also finds out which piece takes the least time an image.
        """
        if not self._piece and len(batch) >= _PIECES[-1]:
            self._piece = self._cheapest(batch)
        piece = min(self._piece or 1, -(-len(batch) // self._count))
        parts = [batch[start : start + piece] for start in range(0, len(batch), piece)]
        return np.concatenate(list(self._pool.map(self._run, parts)))

    def _run(self, part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        features: npt.NDArray[Any] = self._session.run(None, {self._input: part})[0]
        return features

    def _cheapest(self, batch: npt.NDArray[Any]) -> int:
        small, large = (self._seconds(batch[:piece]) for piece in _PIECES)
        return _PIECES[large < _CLEARLY * small]

    def _seconds(self, part: npt.NDArray[Any]) -> float:
        """Time an image takes of this thread: others on the machine do not add to it."""
        self._run(part)  # the first prepares
        started = time.thread_time()
        self._run(part)
        return (time.thread_time() - started) / len(part)
