"""The service's resident memory over time, where /proc tells: on Linux, of a service on this machine."""

from __future__ import annotations

import os
import statistics
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

__all__ = ["SETTLED", "Watch", "growth", "listener"]

SETTLED = 60.0
"""Seconds of load after which memory is to grow no more."""
_LEAST = 30
"""Readings below which a line says nothing."""
_EVERY = 1.0
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
_LISTENING = "0A"
_PROC = Path("/proc")


class Watch:
    """Reads the resident bytes of a process each second while the block runs.

    Attributes:
        readings: (moment of `time.monotonic`, bytes); empty when there is no such process.
    """

    def __init__(self, pid: int | None) -> None:
        self.readings: list[tuple[float, int]] = []
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _read_on(self) -> None:
        with suppress(OSError):
            while self._pid is not None:
                pages = int((_PROC / str(self._pid) / "statm").read_text().split()[1])
                self.readings.append((monotonic(), pages * os.sysconf("SC_PAGE_SIZE")))
                if self._stop.wait(_EVERY):
                    return


def growth(readings: Sequence[tuple[float, int]], settled: float = SETTLED) -> float | None:
    """Return by which part of its mean a line through the readings rises once `settled` seconds have passed.

    Single moments tell little: memory swings with what is under way.

    Args:
        readings: (seconds of load, bytes), in order of time.
        settled: seconds that are left out at the beginning.

    Returns:
        E.g. 0.02 for 2%; None where there are fewer than 30 readings.
    """
    kept = [(at, held) for at, held in readings if at >= settled]
    if len(kept) < _LEAST:
        return None
    times, held = zip(*kept, strict=True)
    slope, _ = statistics.linear_regression(times, held)
    return float(slope * (times[-1] - times[0]) / statistics.mean(held))


def listener(address: str) -> int | None:
    """Return the id of the process that listens at HOST:PORT, None where that cannot be told.

    Another user's processes cannot be looked into, nor can those of another machine.
    """
    host, _, port = address.rpartition(":")
    if host not in _LOCAL or not port.isdigit():
        return None
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(int(port))}
    for process in _PROC.glob("[0-9]*") if sockets else ():
        with suppress(OSError):
            if any(str(file.readlink()) in sockets for file in (process / "fd").iterdir()):
                return int(process.name)
    return None


def _listening_inodes(port: int) -> list[str]:
    found = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                _, local, _, state, *rest = line.split()
                if state == _LISTENING and int(local.rpartition(":")[2], 16) == port:
                    found.append(rest[5])
    return found
