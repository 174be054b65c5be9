"""Who uses a folder: several services at once, or one that may move its files about.

SQLite finds a database's companion files by name, and the last to close a database removes them. Renaming a
file that another process has open would therefore take the companions of whatever stands there next. So who
wants to rename must be alone, and the kernel's lock, which dies with its holder, says so.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

__all__ = ["Tenancy"]


class Tenancy:
    """This process's claim on a folder. For one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Claim nothing yet.

        Raises:
            OSError: the folder cannot be written to.
        """
        self._lock = (folder / "lock").open("ab")

    def alone(self) -> bool:
        """Give up what was claimed and try to be the only one; whether that is so now. Does not wait."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def share(self) -> None:
        """Be one of several; waits for whoever is alone, which never takes long."""
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Give everything up, for good; may be called again."""
        self._lock.close()
