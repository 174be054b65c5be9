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


def poisson(rate: float, seconds: float, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the times of a Poisson process, ascending, from 0 up to `seconds`.

    Args:
        rate: mean number a second, 0 or more.
        seconds: how long.
        random: where chance comes from.
    """
    # Given their number, a Poisson process' times are independent and uniform.
    count = random.poisson(rate * seconds)
    return np.sort(random.uniform(0.0, seconds, count))


def plan(
    rates: Mapping[str, float], seconds: float, *, seed: int, worker: int = 0, workers: int = 1
) -> list[Arrival]:
    """Return one worker's share of a load, in order of time.

    The shares of all workers together are Poisson processes of the whole rates. The times of one operation
    depend on its place and rate, the seed and the worker alone: reads come at the same times whether there
    are clicks or not.

    Args:
        rates: operation → mean number a second, of all workers together.
        seconds: how long the load lasts.
        seed: equal seeds give equal plans.
        worker: which of the workers, from 0.
        workers: how many there are.
    """
    arrivals = []
    for place, (operation, rate) in enumerate(rates.items()):
        random = np.random.default_rng([seed, place, worker])
        times = poisson(rate / workers, seconds, random)
        arrivals += [Arrival(at, operation) for at in times.tolist()]
    return sorted(arrivals)
