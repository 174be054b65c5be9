"""The run as a file, and back."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from embed_service.training.errors import TrainingError

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, step: int, state: dict[str, Any]) -> None:
    """Write that `step` steps are done and left `state`; `path` holds either the old file or the new one.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial")
    torch.save({"step": step, "state": state}, partial)
    partial.replace(path)


def read_checkpoint(path: Path) -> tuple[int, dict[str, Any]]:
    """Return how many steps are done, and the state they left, on the CPU.

    Raises:
        TrainingError: there is no such file, or it is no checkpoint.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return int(content["step"]), content["state"]
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} cannot be read as a checkpoint: {error}") from error
