"""Compilation before the first caller waits for it."""

from __future__ import annotations

import numpy as np

from graph_service.events import Method
from graph_service.propagation import backwards, merge, remake, seeds
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.beliefs import beliefs, decide
from graph_service.propagation.propagate import propagate
from graph_service.propagation.spreading import spread

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: seconds the first time, a fraction of one later."""
    neighbours = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
    cosines = np.array([[1, -1], [1, -1], [-1, -1]], np.float32)
    clamped = np.array([True, False, False])
    for method in Method:
        for temperature in (1.0, 0.001):  # float32 suffices; exponents are needed
            adj = adjacency(neighbours, cosines, method=method, temperature=temperature)
            propagate(adj, np.eye(3), clamped, steps=1)
    spread(adj, np.ones((1, 2), np.float32), np.array([0]))
    for dtype in (np.float32, np.float64):
        decide(beliefs(np.eye(3, dtype=dtype)))
    merge.compile_kernels()
    backwards.compile_kernels()
    remake.compile_kernels()
    seeds.compile_kernels()
