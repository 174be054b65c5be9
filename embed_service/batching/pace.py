"""How many images to run together, and whether to wait for more: decided by what the encoder's runs cost.

Times are seconds on any clock that only goes forward; nothing here looks at a clock or waits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

__all__ = ["Pace", "Wait", "sizes_up_to"]

_REMEMBERED = 16
"""Arrivals that tell how fast images come."""

_GAIN = 0.9
"""Waiting must bring the time an image takes below this part of what it is without."""

_NEWEST = 0.2
"""Weight of the newest run in what a run of its size is said to cost."""


@dataclass(frozen=True)
class Wait:
    """Let the batch grow to `target` images, for no longer than `seconds`."""

    target: int
    seconds: float


class Pace:
    """Knows what a run of each size costs and how fast images arrive.

    A run of n images is one of the next larger size where the encoder is given padded batches, and costs
    something between its neighbours where it is not.
    """

    def __init__(self, sizes: tuple[int, ...], *, padded: bool, max_wait: float) -> None:
        """Know nothing yet; without costs nobody waits.

        Args:
            sizes: of the batches that are warmed up, increasing; the last is the largest there is.
            padded: batches are filled up to the next size.
            max_wait: most seconds to let a batch grow; 0 never waits.
        """
        self.sizes = sizes
        self._padded = padded
        self._max_wait = max_wait
        self._costs: dict[int, float] = {}
        self._arrivals: deque[float] = deque(maxlen=_REMEMBERED)

    def arrived(self, now: float) -> None:
        """Note the arrival of an image."""
        self._arrivals.append(now)

    def ran(self, count: int, seconds: float) -> None:
        """Note what a run of `count` images cost."""
        size = self.run_size(count)
        if size in self.sizes:
            before = self._costs.get(size, seconds)
            self._costs[size] = before + _NEWEST * (seconds - before)

    def cost(self, count: int) -> float:
        """Return the seconds that a run of `count` images takes, 0 while nothing is known."""
        known = sorted(self._costs)
        if not known:
            return 0.0
        return float(np.interp(self.run_size(count), known, [self._costs[size] for size in known]))

    def run_size(self, count: int) -> int:
        """Return how many images the encoder is given for `count`: more where it is padded."""
        return next((size for size in self.sizes if size >= count), count) if self._padded else count

    def take(self, waiting: int) -> int:
        """Return how many of the images that wait to run now: the number that costs least an image.

        That is all of them, up to the largest size, unless padding makes them dearer than the next smaller
        size alone.
        """
        most = min(waiting, self.sizes[-1])
        full = max((size for size in self.sizes if size <= most), default=most)
        return full if self._padded and self.cost(full) / full < self.cost(most) / most else most

    def wait(self, waiting: int, now: float) -> Wait | None:
        """Return how far to let the `waiting` images (at least one) grow before they are run, if it pays.

        It pays where the encoder then needs clearly less time an image, the waiting included. For a lone
        caller who sends one image when the last is answered it never does: the next image takes longer to
        come than a run of its own would take.
        """
        gap = self._gap(now)
        if gap is None or waiting >= self.sizes[-1]:
            return None
        best, least = None, _GAIN * self.cost(waiting) / waiting
        for target in (size for size in self.sizes if size > waiting):
            seconds = gap * (target - waiting)
            each = (seconds + self.cost(target)) / target
            if seconds <= self._max_wait and each < least:
                best = Wait(target, min(2 * seconds, self._max_wait))  # arrivals are never quite even
                least = each
        return best

    def _gap(self, now: float) -> float | None:
        """Return the mean seconds between arrivals lately, or None while too few have come to tell."""
        if len(self._arrivals) < _REMEMBERED:
            return None
        return (now - self._arrivals[0]) / (_REMEMBERED - 1)


def sizes_up_to(most: int) -> tuple[int, ...]:
    """Return 1, 2, 4, 8, … and `most` (at least 1)."""
    return (*(2**power for power in range((most - 1).bit_length())), most)
