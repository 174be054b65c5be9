"""Kernels on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

__all__ = ["CORES", "in_parts"]

T = TypeVar("T")

CORES = os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(CORES, thread_name_prefix="part")


def in_parts(function: Callable[[int, int], T], count: int, step: int) -> list[T]:
    """Call `function(start, stop)` for ranges of at most `step` that cover 0 to `count`; return the results.

    They are in order. The calls run side by side on threads of their own, so `function` must release the GIL,
    write to what belongs to its range alone, and call `in_parts` never. A single range costs no thread.
    """
    starts = range(0, count, step)
    if len(starts) <= 1:
        return [function(start, count) for start in starts]
    return list(_pool().map(lambda start: function(start, min(start + step, count)), starts))
