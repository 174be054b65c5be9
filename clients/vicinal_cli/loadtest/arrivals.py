"""When what begins: fixed before the load, whatever the service does meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Arrival", "plan", "poisson"]


@dataclass(frozen=True, order=True)
class Arrival:
    """One operation to begin.

    Attributes:
        at: seconds into the load.
        operation: its name.
    """

    at: float
    operation: str


def poisson(count: int, seconds: float, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the times of a Poisson process in which so many happen, ascending, from 0 up to `seconds`.

    Given their number they are independent and uniform. Fixing it lets loads of one rate be compared: their
    gaps are as irregular as those of any Poisson process, but none has more to do than another.

    Args:
        count: how many, 0 or more.
        seconds: how long.
        random: where chance comes from.
    """
    return np.sort(random.uniform(0.0, seconds, count))


def plan(
    rates: Mapping[str, float], seconds: float, *, seed: int, worker: int = 0, workers: int = 1
) -> list[Arrival]:
    """Return one worker's share of a load, in order of time.

    All workers together have rate · seconds of each operation, rounded, and none has two more than another.
    The times of one operation depend on its place and rate, the seed and the worker alone: reads come at the
    same times whether there are clicks or not.

    Args:
        rates: operation → number a second, of all workers together.
        seconds: how long the load lasts.
        seed: equal seeds give equal plans.
        worker: which of the workers, from 0.
        workers: how many there are.
    """
    arrivals = []
    for place, (operation, rate) in enumerate(rates.items()):
        whole, rest = divmod(round(rate * seconds), workers)
        random = np.random.default_rng([seed, place, worker])
        times = poisson(whole + (worker < rest), seconds, random)
        arrivals += [Arrival(at, operation) for at in times.tolist()]
    return sorted(arrivals)
