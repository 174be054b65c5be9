"""The one error of its own that an experiment ends with."""

from __future__ import annotations

__all__ = ["ExperimentError"]


class ExperimentError(Exception):
    """An experiment cannot be run as asked.

    Attributes:
        message: what is wrong, in one line.
        hint: what to do about it, in one line; may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
