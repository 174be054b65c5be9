"""How this process uses its processor and its memory."""

from __future__ import annotations

import ctypes
import gc
import sys

__all__ = ["settle", "tune"]

_TURN = 0.0005
"""Seconds of Python after which a thread gives way: a caller is not to wait, at Python's own 5 ms a turn,
while the answers to the next questions are made."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX in glibc's malloc.h."""
_LARGE = 256 << 10
"""Bytes of an array that gets pages of its own, which go back when it does. glibc's own limit rises to 32 MB
as it sees such arrays; then what judging the labels takes for a second is the heap's for ever, in holes that
grow with the labels. As measured, clicks are no slower for it."""
_SPARE = 64 << 20
"""Free bytes at the heap's end that are kept; few would be given back and asked for again at each click."""


def tune() -> None:
    """Let threads take short turns and share one heap; before they are started.

    Of its own accord glibc gives them eight heaps a core. Arrays that one thread makes and another lets go
    leave holes in each, which grew by 0.5 MB a second under load, and cost more time than one lock does.
    What the environment says of this (MALLOC_ARENA_MAX and the like) is overridden.
    """
    sys.setswitchinterval(_TURN)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc alone has it
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _SPARE)


def settle() -> None:
    """Let the cycle collector pass over what there is by now, for good: nothing of it can be freed by it.

    For when there are modules and compiled kernels alone, hundreds of thousands of objects. To look at them
    all, now and then, stopped every thread for 0.1 s.
    """
    gc.collect()
    gc.freeze()
