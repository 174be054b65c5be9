"""What a child process that died left running. Only Linux can tell; elsewhere nothing is found."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["adopt_orphans", "end_children"]

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_POLL = 0.05


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that `end_children` finds them.

    Raises:
        OSError: the kernel refuses.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def end_children(grace: float) -> None:
    """Tell every child of this process to stop, adopted ones included, and return when all are gone.

    Args:
        grace: seconds after which those left are killed.
    """
    for pid in _children():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while pids := _children():
        for pid in pids:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if time.monotonic() > deadline:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL)


def _children() -> list[int]:
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return []
    lists = [task / "children" for task in tasks.iterdir()]
    return [int(pid) for path in lists if path.exists() for pid in path.read_text().split()]
