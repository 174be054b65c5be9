"""Compilation before the first caller waits for it."""

from __future__ import annotations

import numpy as np

from graph_service.linear.classifier import logits
from graph_service.linear.kernel import gradients
from graph_service.linear.panels import Panels
from graph_service.propagation.lanes import lane_rows

__all__ = ["warm_up"]


def warm_up() -> None:
    """Compile every kernel, or load it from the cache: seconds the first time, a fraction of one later."""
    features, panels = np.zeros((8, 1), np.float32), Panels(2, 1)
    coefficients = panels.take(np.zeros((2, 1)))
    targets, weights = lane_rows(8, 1), np.ones(8, np.float32)
    for all_cores in (True, False):
        gradients(features, coefficients, targets, weights, lane_rows(8, 1), lane_rows(2, 16), all_cores)
    logits(features, np.zeros((2, 1), np.float32))
