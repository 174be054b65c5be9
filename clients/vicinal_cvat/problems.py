"""What goes wrong between vicinal and CVAT."""

from __future__ import annotations

__all__ = ["CvatProblem"]


class CvatProblem(Exception):
    """A command that cannot go on.

    Attributes:
        message: what is wrong, in one line.
        hint: what to do about it, in one line; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
