"""How this process uses its processor and its memory."""

from __future__ import annotations

import ctypes
import gc
import sys

__all__ = ["settle", "tune"]

_TURN = 0.0005
"""Seconds of Python after which a thread gives way: a caller is not to wait, at Python's own 5 ms a turn,
while the answers to the next questions are made."""
_ARENA_MAX = -8
"""M_ARENA_MAX in glibc's malloc.h."""


def tune() -> None:
    """Let threads take short turns and share one heap; before they are started.

    Of its own accord glibc gives them eight heaps a core. Arrays that one thread makes and another lets go
    leave holes in each, which grew by 0.5 MB a second under load, and cost more time than one lock does.
    MALLOC_ARENA_MAX of the environment is overridden.
    """
    sys.setswitchinterval(_TURN)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc alone has it
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def settle() -> None:
    """Let the cycle collector pass over what there is by now, for good: nothing of it can be freed by it.

    For when there are modules and compiled kernels alone, hundreds of thousands of objects. To look at them
    all, now and then, stopped every thread for 0.1 s.
    """
    gc.collect()
    gc.freeze()
