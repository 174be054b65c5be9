"""How many images to run together, and whether to wait for more: decided by what the encoder's runs cost.

Times are seconds on any clock that only goes forward; nothing here looks at a clock or waits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Pace", "Wait", "sizes_up_to"]

_GAIN = 0.9
"""Waiting must bring the time an image takes below this part of what it is without."""

_CLEARLY = 0.95
"""Taking fewer must bring the time an image takes below this part of what it is with all that wait."""

_TRIED_EVERY = 32
"""Of so many runs one is of a size that need not be the cheapest."""

_NEWEST = 0.2
"""Weight of what is measured now in what is believed."""

_SLOWER = 0.05
"""The same of a run that took longer than believed: mostly it was only disturbed."""


@dataclass(frozen=True)
class Wait:
    """Let the batch grow to `target` images, for no longer than `seconds`."""

    target: int
    seconds: float


@dataclass
class _Answered:
    """A run that is over, and the images that came soon after it: mostly its callers' next ones."""

    count: int
    ended: float
    came: int = 0
    last: float = 0.0  # seconds after the end


class Pace:
    """Knows what a run of each size costs, and how many callers come back when they are answered, how soon.

    A run of n images is one of the next larger size where the encoder is given padded batches, and costs
    something between its neighbours where it is not.

    Callers who send an image when the last is answered come in a burst after every run. Without waiting the
    first of them would run alone and the others behind it. So a batch may wait, but only just after a run,
    only for as many as came back after earlier ones, and only when the encoder then needs clearly less time
    an image, the waiting included. A lone caller with one image at a time never waits: after a run of one
    image one is expected, and that is its own. Nor does anyone where an image costs the same in any batch.
    """

    def __init__(self, sizes: tuple[int, ...], *, padded: bool, max_wait: float) -> None:
        """Know nothing yet; without knowledge nobody waits.

        Args:
            sizes: of the batches that are warmed up, from 1 on; the last is the largest there is.
            padded: batches are filled up to the next size.
            max_wait: seconds after a run within which a batch may wait; 0 never waits.
        """
        self.sizes = sizes
        self._padded = padded
        self._max_wait = max_wait
        self._costs: dict[int, float] = {}
        self._takes = 0
        self._answered: _Answered | None = None
        self._returning = 0.0  # part of those answered who soon come back, 0 to 1
        self._delay = 0.0  # seconds after a run until the last of them has come

    def arrived(self, now: float) -> None:
        """Note the arrival of an image."""
        before = self._answered
        if before is not None and now - before.ended <= self._max_wait:
            before.came += 1
            before.last = now - before.ended

    def ended(self, count: int, now: float) -> None:
        """Note that a run of `count` images is over and their callers have their answers."""
        before = self._answered
        if before is not None:
            returning = min(before.came / before.count, 1.0)  # more than were answered are others
            self._returning += _NEWEST * (returning - self._returning)
            if before.came:
                self._delay += _NEWEST * (before.last - self._delay)
        self._answered = _Answered(count, now)

    def ran(self, count: int, seconds: float) -> None:
        """Note what a run of `count` images cost."""
        size = self.run_size(count)
        if size in self.sizes:
            before = self._costs.get(size, seconds)
            weight = _NEWEST if seconds < before else _SLOWER
            self._costs[size] = before + weight * (seconds - before)

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

        That is all of them, up to the largest size, unless fewer are clearly cheaper: padding makes the last
        ones dear, and on a CPU a batch can outgrow the caches. Now and then another size is taken, since what
        it costs may have changed.
        """
        most = min(waiting, self.sizes[-1])
        choices = [*(size for size in self.sizes if size < most), most]
        self._takes += 1
        if self._takes % _TRIED_EVERY == 0:
            return choices[self._takes // _TRIED_EVERY % len(choices)]
        cheapest = min(choices, key=lambda count: self.cost(count) / count)
        clearly = self.cost(cheapest) / cheapest < _CLEARLY * self.cost(most) / most
        return cheapest if clearly else most

    def wait(self, waiting: int, now: float) -> Wait | None:
        """Return how far to let the `waiting` images (at least one) grow before they are run, if it pays.

        Ask again when the batch has grown.
        """
        before = self._answered
        if before is None or waiting >= self.sizes[-1]:
            return None
        coming = round(self._returning * before.count) - before.came
        left = before.ended + self._max_wait - now
        most = min(waiting + coming, self.sizes[-1])
        best, least = None, _GAIN * self.cost(waiting) / waiting
        for target in {most, *self.sizes}:
            if waiting < target <= most:
                seconds = max(before.ended + self._delay - now, 0.0) * (target - waiting) / coming
                each = (seconds + self.cost(target)) / target
                if seconds <= left and each < least:
                    best = Wait(target, min(2 * seconds, left))  # they are never quite alike
                    least = each
        return best


def sizes_up_to(most: int) -> tuple[int, ...]:
    """Return 1, 2, 4, 8, … and `most` (at least 1)."""
    return (*(2**power for power in range((most - 1).bit_length())), most)
