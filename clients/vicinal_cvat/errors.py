"""What goes wrong between vicinal and CVAT."""

from __future__ import annotations

from vicinal_client import VicinalError

__all__ = ["CvatError"]


class CvatError(VicinalError):
    """A task or a server of CVAT's is not as the call needs it.

    Args:
        message: what is wrong, in one line.
        hint: what to do about it, in one line, which becomes a note; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.add_note(hint)
