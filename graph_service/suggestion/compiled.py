"""How this room compiles its loops: for one core, as several callers may be served at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

__all__ = ["compiled"]

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of arrays. A call releases the GIL; the machine code is cached beside the source."""
    machine_code: Callable[P, R] = njit(nogil=True, cache=True, error_model="numpy")(function)
    return machine_code
