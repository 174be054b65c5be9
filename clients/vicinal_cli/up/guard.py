"""A process that outlives this one just long enough to stop its children.

    python -m vicinal_cli.up.guard

reads process ids from its stdin, one a line. When the other end of that pipe is gone, because whoever held
it ended in any way, SIGKILL included, it sends each of them one SIGTERM and ends. (Linux's PR_SET_PDEATHSIG
is no substitute: its signal comes again for every thread of the dying parent, and a second SIGTERM means
"at once".)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Self

__all__ = ["Guard", "main"]


class Guard:
    """Stops the processes it was told of, should this process die while it is entered."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "vicinal_cli.up.guard"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            process_group=0,  # a terminal's signals are not for it
        )
        return self

    def watch(self, pid: int) -> None:
        """Remember a child to stop."""
        if self._process.stdin is not None:
            print(pid, file=self._process.stdin, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def main() -> None:
    """Wait for the end of stdin, then stop what was named there."""
    pids = [int(line) for line in sys.stdin]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    main()
