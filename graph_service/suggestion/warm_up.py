"""Compilation before the first caller waits for it."""

from __future__ import annotations

import numpy as np

from graph_service.suggestion.ground import Ground
from graph_service.suggestion.strategies import State, Strategy, suggest
from graph_service.suggestion.uncertainty import narrowness

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: seconds the first time, a fraction of one later."""
    everyone = np.arange(3, dtype=np.int32)
    beliefs = np.ones((3, 1), np.float32)
    state = State(
        ground=Ground(np.eye(3, dtype=np.float32), everyone.astype(np.uint64), everyone, everyone),
        labelled=np.array([True, True, False]),
        unwanted=everyone[:0],
        class_count=1,
        narrowness=lambda: narrowness(beliefs),
        rows=lambda nodes: beliefs[nodes],
    )
    suggest(Strategy.AUTO, count=1, audit_share=0, seed=0, state=state)
