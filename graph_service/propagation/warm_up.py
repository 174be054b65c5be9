"""Compilation before the first caller waits for it."""

from __future__ import annotations

import numpy as np

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.propagate import propagate
from graph_service.propagation.walk import survivors

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: seconds the first time, a fraction of one later."""
    neighbours = np.array([[1], [0]], np.int32)
    similarities = np.ones((2, 1), np.float32)
    clamped = np.array([True, False])
    for method in Method:
        propagate(
            adjacency(neighbours, similarities, method=method, temperature=1.0), np.eye(2), clamped, steps=1
        )
    survivors(np.arange(3, dtype=np.int32), np.array([1, 0], np.int32), clamped, 1)
