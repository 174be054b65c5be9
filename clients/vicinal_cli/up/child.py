"""Run a command that is told to stop when its parent dies, however that happens.

    python -m vicinal_cli.up.child PARENT_PID COMMAND [ARGUMENT …]

On Linux the command gets SIGTERM when the process PARENT_PID, which must have started this one, ends, even
by SIGKILL. On other systems it is run as it is. This is a process and no `preexec_fn`, because code between
fork and exec may deadlock in a parent that has threads.
"""

from __future__ import annotations

import os
import signal
import sys

from vicinal_cli.up.linux import end_with_parent

__all__ = ["command", "main"]


def command(*arguments: str) -> list[str]:
    """Return the command that runs `arguments` so, from this process."""
    return [sys.executable, "-m", "vicinal_cli.up.child", str(os.getpid()), *arguments]


def main(arguments: list[str]) -> None:
    """Become the command. `arguments` begins with the parent's process id."""
    parent, *rest = arguments
    end_with_parent(signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before the line above
        raise SystemExit(1)
    os.execv(rest[0], rest)  # noqa: S606 (a list of words, no shell)


if __name__ == "__main__":
    main(sys.argv[1:])
