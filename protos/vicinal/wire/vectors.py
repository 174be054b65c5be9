"""What a vector is at both ends: of length 1, or none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["unit_rows"]


def unit_rows(features: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
    """Return `features` (n, d) with rows of length 1; zero and non-finite rows become zeros."""
    wide = features.astype(np.float64)  # float32 squares overflow from 2e19 on
    wide[~np.isfinite(wide).all(axis=1)] = 0
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = (wide / np.where(length > 0, length, 1)).astype(np.float32)
    return unit
