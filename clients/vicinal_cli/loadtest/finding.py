"""The highest rate of clicks that the service sustains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vicinal_cli.errors import CliError
from vicinal_cli.loadtest.orders import CLICK
from vicinal_cli.loadtest.result import Phase

__all__ = ["Bounds", "find_rate", "is_sustained"]

_BEGIN = 0.7
"""Of what a closed loop reaches: where the search begins."""
_RAISE = 1.3
_CLOSE = 1.06
"""The search ends when the lowest rate that failed is so near to the highest that did not."""
_TRIALS = 14
_WAITING = 0.05
"""Share of the planned clicks that may be unanswered at the end of a trial."""


@dataclass(frozen=True)
class Bounds:
    """What a rate must keep to be sustained.

    Attributes:
        annotators: clicks that may be under way at the end of a trial, at least.
        p99: seconds that 99% of the clicks may take at most.
    """

    annotators: int
    p99: float


def is_sustained(phase: Phase, bounds: Bounds) -> bool:
    """Say whether a trial's rate was sustained: no error, p99 within bounds, and no backlog at the end.

    A backlog is more clicks under way than there are annotators, and than 5% of all that were planned.
    """
    row = phase.tally.row(CLICK)
    p99 = row.latency.quantile(0.99)
    return (
        not phase.tally.errors
        and phase.tally.unfinished <= max(bounds.annotators, _WAITING * row.planned)
        and p99 is not None
        and p99 <= bounds.p99
    )


def find_rate(closed: float, trial: Callable[[float], Phase], bounds: Bounds) -> tuple[float, list[Phase]]:
    """Raise the rate until it is not sustained, then halve the gap until it is narrow.

    Args:
        closed: clicks a second that a closed loop reached; the search begins below.
        trial: loads the service at a rate for some seconds and waits for all answers.
        bounds: what makes a rate sustained.

    Returns:
        The highest rate that was sustained, and the trials in order.

    Raises:
        CliError: not even a slow rate was sustained.
    """
    trials: list[Phase] = []
    good, bad = 0.0, float("inf")
    rate = _BEGIN * closed
    while len(trials) < _TRIALS and bad > _CLOSE * good:
        trials.append(trial(rate))
        if trials[-1].sustained:
            good = rate
        else:
            bad = rate
        rate = _between(good, bad)
    if not good:
        raise CliError(
            f"not even {bad:.3g} clicks a second were sustained (p99 at most {bounds.p99:g} s, no error)",
            "raise --max-p99, or see the errors of a run with a low --rate.",
        )
    return good, trials


def _between(good: float, bad: float) -> float:
    """Return the rate to try next."""
    if bad == float("inf"):
        return _RAISE * good
    return (good * bad) ** 0.5 if good else bad / 2
