"""Coefficients in the order in which the kernels read them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.linear.blocks import WIDTH
from graph_service.propagation.lanes import lane_rows

__all__ = ["NEVER", "Panels"]

Float32 = npt.NDArray[np.float32]

NEVER = np.float32(-1e30)
"""The logit of the columns beyond the classes, which are there to make rows whole vectors."""


class Panels:
    """Coefficients (p + 1, C), or gradients of them, sixteen classes after one another.

    Attributes:
        rows: float32 (width / 16 · (p + 1), 16), what kernels take.
        width: C rounded up as `lane_rows` does.
    """

    def __init__(self, height: int, classes: int) -> None:
        self.width = lane_rows(0, classes).shape[1]
        self.rows = lane_rows(self.width // WIDTH * height, WIDTH)
        self._classes = classes
        self._panels = self.rows.reshape(-1, height, WIDTH)
        self._whole = np.zeros((height, self.width), np.float32)
        self._whole[-1, classes:] = NEVER

    def take(self, coefficients: npt.NDArray[np.floating]) -> Float32:
        """Return `rows` that hold these coefficients, until the next are taken."""
        self._whole[:, : self._classes] = coefficients
        self._panels[:] = self._whole.reshape(len(self._whole), -1, WIDTH).transpose(1, 0, 2)
        return self.rows

    def total(self, parts: Float32) -> Float32:
        """Return the sum (p + 1, C) of many panels after one another."""
        summed = parts.reshape(-1, *self._panels.shape).sum(axis=0)
        whole: Float32 = summed.transpose(1, 0, 2).reshape(self._whole.shape)[:, : self._classes]
        return whole
