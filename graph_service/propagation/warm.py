"""Compile what propagation needs before the first caller waits for it."""

from __future__ import annotations

import numpy as np

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.propagate import propagate

__all__ = ["warm_up"]


def warm_up() -> None:
    """Run every compiled function once: seconds the first time, then read from numba's cache on disk."""
    neighbours, similarities = np.array([[1], [0]], np.int32), np.ones((2, 1), np.float32)
    for method in Method:
        graph = adjacency(neighbours, similarities, method=method, temperature=0.1)
        propagate(graph, np.eye(2), np.array([True, False]), 1)
