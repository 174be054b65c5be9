"""What a user can put right."""

from __future__ import annotations

__all__ = ["TrainingError"]


class TrainingError(Exception):
    """Training cannot go on with what was given; the message says why and what to do."""
