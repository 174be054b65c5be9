"""What Linux can do about processes that outlive their parents. Elsewhere these do nothing."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["adopt_orphans", "children", "end_with_parent"]

# linux/prctl.h
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def end_with_parent(number: int) -> None:
    """Have the kernel send this process the signal `number` when its parent dies. Survives exec."""
    _prctl(_PR_SET_PDEATHSIG, number)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that `children` finds them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """Return the ids of this process's children, adopted ones included."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return []
    lists = [task / "children" for task in tasks.iterdir()]
    return [int(pid) for path in lists if path.exists() for pid in path.read_text().split()]


def _prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
