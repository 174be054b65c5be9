"""Multinomial logistic regression on soft targets: the linear probe, fast enough for every click."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import ThreadpoolController

from graph_service.linear.blocks import HEIGHT
from graph_service.linear.kernel import gradients, products
from graph_service.linear.panels import Panels
from graph_service.propagation.lanes import aligned, lane_rows

__all__ = ["Lesson", "log_posterior", "logits"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_PENALTY = 0.1
"""Suits features with a mean squared norm of 1."""
_STEPS = 20
_BLOCK = 4096
_PARTS = 16
"""Parts of the rows that gradients are summed over, each by one core at a time."""
_INTERCEPT_PENALTY = 1e-3
"""Keeps the intercepts finite; they are all but free."""
_alone = threading.Lock()


class Lesson:
    """Rows to learn from; what follows from them alone is reckoned once, whatever the targets."""

    def __init__(
        self,
        features: Float32,
        weights: Float32,
        penalty: float = _PENALTY,
        *,
        rows: npt.NDArray[np.integer] | None = None,
    ) -> None:
        """Take the rows; O(m p² + p³).

        Args:
            features: float32 (any, p).
            rows: (m,), which of them; all if not given.
            weights: float32 (m,), at least 0 and not all 0.
            penalty: greater than 0.
        """
        self._count = len(weights)
        whole = -(-self._count // HEIGHT) * HEIGHT
        total = float(weights.sum())
        self._features = aligned(whole, features.shape[1])
        taken = self._features[: self._count]
        if rows is None:
            taken[:] = features
        else:
            features.take(rows, axis=0, out=taken, mode="clip")  # other modes make a copy first
        self._shares = np.zeros(whole, np.float32)
        self._shares[: self._count] = weights / total
        ridge = np.full((features.shape[1] + 1, 1), penalty / total)
        ridge[-1] = _INTERCEPT_PENALTY
        self._ridge = ridge
        with _one_core():
            bound = self._bound()
            self._inverse: Float64 = cho_solve(cho_factor(bound), np.eye(len(bound)))

    def learn(self, targets: Float32) -> Float32:
        """Return the coefficients that minimise Σ_i w_i H(target_i, softmax([x_i 1] W)) + penalty/2 ‖W‖².

        Accelerated gradient descent (Nesterov), preconditioned by the curvature bound of Böhning (1992),
        XᵀwX/2 + penalty: so the step is 1 whatever the scale of the features, and 20 steps come within a few
        thousandths of the optimum's accuracy. The intercept, the last row, is not penalised.
        O(20 (m + p) p C), the same however many cores there are.

        Args:
            targets: float32 (m, C), rows sum to 1.

        Returns:
            float32 (p + 1, C).
        """
        height, classes = len(self._ridge), targets.shape[1]
        wanted = lane_rows(len(self._features), classes)
        wanted[: self._count, :classes] = targets
        panels = Panels(height, classes)
        parts, room = lane_rows(_PARTS * len(panels.rows), 16), lane_rows(_PARTS * HEIGHT, classes)
        here: Float64 = np.zeros((height, classes))
        ahead, momentum = here, 1.0
        with _one_core():
            for _ in range(_STEPS):
                gradients(self._features, panels.take(ahead), wanted, self._shares, room, parts)
                there = ahead - self._inverse @ (panels.total(parts) + self._ridge * ahead)
                following = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
                ahead = there + (momentum - 1) / following * (there - here)
                here, momentum = there, following
        return here.astype(np.float32)

    def _bound(self) -> Float64:
        """Return the greatest curvature that any coefficients meet, float64 (p + 1, p + 1)."""
        bound: Float64 = np.diag(self._ridge[:, 0])
        # In float64: sums of many equal numbers would all be rounded the same way. Some rows at a time, as
        # all of them would be twice what the features are.
        room = np.empty((min(_BLOCK, len(self._shares)), len(bound)))
        for start in range(0, len(self._shares), _BLOCK):
            block = slice(start, start + _BLOCK)
            roots = np.sqrt(self._shares[block], dtype=np.float64)[:, np.newaxis]
            rows = room[: len(roots)]
            np.multiply(self._features[block], roots, out=rows[:, :-1])
            rows[:, -1:] = roots
            bound += rows.T @ rows / 2
        # Rounding must not make it indefinite, whatever the scale; a bound may be too large by a little.
        bound.flat[:: len(bound) + 1] += np.finfo(np.float32).eps * np.trace(bound)
        return bound


def logits(features: Float32, coefficients: Float32) -> Float32:
    """Return [x 1] W, (m, width) as `lane_rows` makes them, and -1e30 beyond the C classes; O(m p C).

    Args:
        features: float32 (m, p).
        coefficients: float32 (p + 1, C).
    """
    out = lane_rows(len(features), coefficients.shape[1])
    products(np.ascontiguousarray(features), Panels(*coefficients.shape).take(coefficients), out)
    return out


def log_posterior(features: Float32, coefficients: Float32) -> Float32:
    """Return float32 (m, C): the logarithms of softmax([x 1] W); O(m p C)."""
    rows = logits(features, coefficients)[:, : coefficients.shape[1]]
    rows -= rows.max(axis=1, keepdims=True)
    rows -= np.log(np.exp(rows).sum(axis=1, keepdims=True))
    return rows


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep the linear algebra to one core: products this small lose on more, most when others want them."""
    # The limit is the whole process's, so that one at a time may set it and take it back.
    with _alone, _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
