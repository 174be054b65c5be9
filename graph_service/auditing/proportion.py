"""A share estimated from a sample, and when it is known well enough."""

from __future__ import annotations

import math

from scipy.special import ndtri

__all__ = ["trials_to_reach", "wilson"]

_MOST_TRIALS = 1e15


def wilson(successes: int, trials: int, level: float) -> tuple[float, float]:
    """Return the interval of Wilson (1927) for a share, the ends of which lie between 0 and 1.

    It holds the values p that a two-sided score test does not refuse:
    |successes / trials − p| ≤ z √(p (1 − p) / trials). Unlike the share ± z standard errors it keeps about
    its level near 0 and 1 and in small samples.

    Args:
        successes: 0 to `trials`.
        trials: at least 1.
        level: probability that the interval holds the true share, above 0 and below 1.
    """
    z2 = _z(level) ** 2
    share = successes / trials
    middle = share + z2 / (2 * trials)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * trials)) / trials)
    lower, upper = ((middle + side * half) / (1 + z2 / trials) for side in (-1, 1))
    # At the extremes one end is the share itself, which rounding may miss.
    return min(max(lower, 0.0), share), max(min(upper, 1.0), share)


def trials_to_reach(share: float, target: float, level: float) -> int | None:
    """Return the least number of trials at which the lower end for `share` is at least `target`.

    The lower end reaches the target where the score test refuses it: at z² t (1 − t) / (share − t)². None
    where it never does, or only beyond 10^15 trials, as where share and target differ by rounding.

    Args:
        share: the share of successes, 0 to 1, supposed to stay.
        target: t, above 0 and below 1.
        level: as for `wilson`.
    """
    if share <= target:
        return None
    trials = _z(level) ** 2 * target * (1 - target) / (share - target) ** 2
    return math.ceil(trials) if trials <= _MOST_TRIALS else None


def _z(level: float) -> float:
    # The half may be rounded to 1, of which the quantile is infinite.
    return float(ndtri(min((1 + level) / 2, math.nextafter(1, 0))))
