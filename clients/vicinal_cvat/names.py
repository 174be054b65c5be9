"""How a task's frames are named as samples."""

from __future__ import annotations

__all__ = ["frame_of", "sample_of"]


def sample_of(task: int, frame: int) -> str:
    """Return the sample id of a frame: "<task>-<frame>", e.g. "7-0"."""
    return f"{task}-{frame}"


def frame_of(task: int, sample: str) -> int | None:
    """Return the frame that `sample` is, or None when it is not one of this task."""
    prefix, _, number = sample.partition("-")
    if prefix != str(task) or not number.isascii() or not number.isdecimal():
        return None
    frame = int(number)
    return frame if sample_of(task, frame) == sample else None
