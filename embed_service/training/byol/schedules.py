"""What changes with the step. All are pure functions of the step's number, counted from 0."""

from __future__ import annotations

import math

__all__ = ["learning_rate", "momentum"]


def momentum(step: int, steps: int, base: float) -> float:
    """Return the target's momentum τ_t = 1 − (1 − τ_0)·(cos(π·t/T) + 1)/2, from τ_0 at 0 to 1 at T.

    Args:
        step: t, 0…steps.
        steps: T, at least 1.
        base: τ_0, 0…1.
    """
    return 1 - (1 - base) * (math.cos(math.pi * step / steps) + 1) / 2


def learning_rate(step: int, steps: int, peak: float, warm_up: int) -> float:
    """Return the learning rate: linear warm-up, then half a cosine down to 0.

    peak·(t + 1)/W for t < W, then peak·(cos(π·(t − W)/(T − W)) + 1)/2.

    Args:
        step: t, 0…steps.
        steps: T, more than `warm_up`.
        peak: of the rate.
        warm_up: W, in steps; 0 for none.
    """
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * (math.cos(math.pi * (step - warm_up) / (steps - warm_up)) + 1) / 2
