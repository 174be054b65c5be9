"""Compilation before the first caller waits for it."""

from __future__ import annotations

import numpy as np

from graph_service.events import Method
from graph_service.pooling.infer import infer
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import adjacency

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: seconds the first time, a fraction of one later."""
    lists = np.array([[1], [0], [1]], np.int32), np.ones((3, 1), np.float32)
    adj = adjacency(*lists, method=Method.POOLED, temperature=1.0)
    trusted = np.ones(1, np.bool_)
    infer(adj, np.eye(3, dtype=np.float32), np.arange(3), Statements(lists[0][0], lists[0][0], trusted, 2))
    # Rows of sixteen classes are contiguous, and their numba type another.
    nodes = np.repeat(np.arange(2), 8)
    of_many = Statements(nodes, np.arange(16), np.arange(16) < 8, 16)
    infer(adj, np.eye(3, dtype=np.float32), np.arange(3), of_many)
