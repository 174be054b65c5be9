"""How many images run together, and when a batch waits for more: never for a lone caller, never for long."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embed_service.batching.pace import Pace, sizes_up_to

MAX_WAIT = 0.002

# Seconds of a run: what it costs at all, and what an image in it costs.
COSTS = st.tuples(st.floats(1e-5, 0.1), st.floats(0, 0.01))


def pace_of(start: float, each: float, *, padded: bool = True, max_wait: float = MAX_WAIT) -> Pace:
    """Knows that a run of n images, at most 32, takes start + n · each."""
    pace = Pace(sizes_up_to(32), padded=padded, max_wait=max_wait)
    for size in pace.sizes:
        pace.ran(size, start + each * size)
    return pace


class Encoder:
    """Callers who each send an image when the last is answered; runs take what the pace says they cost.

    `delays` are the seconds until an answered caller's next image comes, one after the other.
    """

    def __init__(self, pace: Pace, callers: int, delays: list[float]) -> None:
        self.pace, self.delays, self.now = pace, delays, 0.0
        self.coming = [(number * 1e-5, number) for number in range(callers)]
        self.waiting: list[int] = []
        self.waited: list[float] = []
        self.answered = 0

    def arrive(self, until: float) -> None:
        while self.coming and self.coming[0][0] <= until:
            moment, caller = heapq.heappop(self.coming)
            self.pace.arrived(moment)
            self.waiting.append(caller)

    def grow(self) -> None:
        began = self.now
        while wait := self.pace.wait(len(self.waiting), self.now):
            assert len(self.waiting) < wait.target <= self.pace.sizes[-1]
            until = self.now + wait.seconds
            while len(self.waiting) < wait.target and self.coming and self.coming[0][0] <= until:
                self.now = max(self.now, self.coming[0][0])
                self.arrive(self.now)
            if len(self.waiting) < wait.target:
                self.now = until
                break
        self.waited.append(self.now - began)

    def run(self) -> None:
        if not self.waiting:
            self.now = max(self.now, self.coming[0][0])
            self.arrive(self.now)
        self.grow()
        count = self.pace.take(len(self.waiting))
        self.now += self.pace.cost(count)
        self.arrive(self.now)
        self.pace.ended(count, self.now)
        for caller in self.waiting[:count]:
            delay = self.delays[(self.answered + caller) % len(self.delays)]
            heapq.heappush(self.coming, (self.now + delay, caller))
            self.answered += 1
        del self.waiting[:count]


def images_in(seconds: float, pace: Pace, callers: int, delays: list[float]) -> int:
    encoder = Encoder(pace, callers, delays)
    while encoder.now < seconds:
        encoder.run()
    return encoder.answered


DELAYS = st.lists(st.floats(0, 0.01), min_size=1, max_size=30)


@given(COSTS, DELAYS, st.integers(1, 70), st.booleans())
def test_a_lone_caller_never_waits(
    costs: tuple[float, float], delays: list[float], before: int, padded: bool
) -> None:
    """Nor after a crowd has left, but for the image that comes just when it would have come back."""
    encoder = Encoder(pace_of(*costs, padded=padded), before, delays)
    for _ in range(20):
        encoder.run()
    while encoder.coming or encoder.waiting:
        encoder.run()
        encoder.coming = []
    encoder.coming = [(encoder.now, 0)]
    encoder.run()
    encoder.waited.clear()
    for _ in range(40):
        encoder.run()
    assert set(encoder.waited) == {0}


@given(COSTS, DELAYS, st.integers(2, 70), st.booleans())
def test_waits_are_short(costs: tuple[float, float], delays: list[float], callers: int, padded: bool) -> None:
    encoder = Encoder(pace_of(*costs, padded=padded), callers, delays)
    for _ in range(40):
        encoder.run()
    assert max(encoder.waited) <= MAX_WAIT * (1 + 1e-6)


@given(st.floats(1e-6, 0.001), DELAYS, st.integers(1, 70))
def test_where_an_image_costs_the_same_in_any_batch_nobody_waits(
    start: float, delays: list[float], callers: int
) -> None:
    """A CPU: two cores gain next to nothing from batches."""
    encoder = Encoder(pace_of(start, 0.02, padded=False), callers, delays)
    for _ in range(40):
        encoder.run()
    assert set(encoder.waited) == {0}


@given(COSTS, DELAYS, st.integers(1, 70))
def test_a_bound_of_nothing_is_kept(costs: tuple[float, float], delays: list[float], callers: int) -> None:
    encoder = Encoder(pace_of(*costs, max_wait=0), callers, delays)
    for _ in range(20):
        encoder.run()
    assert set(encoder.waited) == {0}


@pytest.mark.parametrize(("callers", "gain"), [(1, 1), (2, 1.3), (8, 1.3), (20, 1.3), (64, 1)])
def test_a_crowd_in_step_is_served_faster_for_it(callers: int, gain: float) -> None:
    """Callers who come back within half a millisecond, to hardware that likes batches.

    Without waiting the first to come back runs alone, and the others wait for it. Of 64 callers half wait
    while the others run, and every batch is full anyhow.
    """
    delays = [0.0005 * number / 7 for number in range(8)]
    waiting, at_once = (
        images_in(2.0, pace_of(0.004, 0.00002, max_wait=max_wait), callers, delays)
        for max_wait in (MAX_WAIT, 0)
    )
    assert waiting >= gain * at_once


@pytest.mark.parametrize("callers", [2, 8, 20, 64])
def test_a_crowd_out_of_step_loses_little(callers: int) -> None:
    delays = [0.0007 * number for number in range(16)]
    waiting, at_once = (
        images_in(2.0, pace_of(0.002, 0.0002, max_wait=max_wait), callers, delays)
        for max_wait in (MAX_WAIT, 0)
    )
    assert waiting > 0.9 * at_once


@given(st.integers(1, 300))
def test_sizes_double_up_to_the_largest(most: int) -> None:
    sizes = sizes_up_to(most)
    assert sizes[0] == 1
    assert sizes[-1] == most
    assert all(small < large <= 2 * small for small, large in pairwise(sizes))


@given(COSTS, st.integers(1, 200))
def test_the_number_to_run_is_the_cheapest(costs: tuple[float, float], waiting: int) -> None:
    pace = pace_of(*costs)
    count = pace.take(waiting)
    most = min(waiting, 32)
    assert 1 <= count <= most
    assert pace.cost(count) / count <= pace.cost(most) / most
    assert pace.run_size(count) in pace.sizes
    assert count == most or count in pace.sizes


def taken(pace: Pace, waiting: int, cost: Callable[[int], float], runs: int) -> list[int]:
    """How many images each of so many runs takes, when they truly cost what `cost` says."""
    counts = []
    for _ in range(runs):
        counts.append(pace.take(waiting))
        pace.ran(counts[-1], cost(counts[-1]))
    return counts


@pytest.mark.parametrize("padded", [True, False])
def test_batches_stay_small_where_large_ones_cost_more_an_image(padded: bool) -> None:
    pace = Pace(sizes_up_to(32), padded=padded, max_wait=0)
    for size in pace.sizes:
        pace.ran(size, 0.05 * size * (1 + 0.01 * size))
    assert taken(pace, 64, lambda count: 0.05 * count * (1 + 0.01 * count), 25) == [1] * 25
    assert pace.take(2) == 2, "two cost hardly more an image than one"


def test_a_wrong_first_impression_is_corrected() -> None:
    pace = Pace(sizes_up_to(32), padded=False, max_wait=0)
    for size in pace.sizes:
        pace.ran(size, 0.01 * size if size == 1 else 0.1 * size)

    def cost(count: int) -> float:
        return 0.01 + 0.001 * count

    counts = taken(pace, 64, cost, 20_000)
    assert set(counts[:30]) == {1}
    assert counts[-60:].count(32) >= 58
    assert sum(count != 32 for count in counts) < 6_000


@given(COSTS, st.integers(1, 200))
def test_without_padding_all_are_run(costs: tuple[float, float], waiting: int) -> None:
    pace = pace_of(*costs, padded=False)
    assert pace.take(waiting) == min(waiting, 32)
    assert pace.run_size(waiting) == waiting


def test_costs_follow_what_is_measured() -> None:
    pace = pace_of(0.01, 0.0)
    for _ in range(200):
        pace.ran(3, 0.02)
    assert pace.cost(3) == pace.cost(4) == pytest.approx(0.02, rel=1e-3)
    assert pace.cost(8) == 0.01


def test_disturbed_runs_count_little() -> None:
    pace = pace_of(0.01, 0.0)
    for number in range(200):
        pace.ran(1, 0.03 if number % 3 == 0 else 0.01)
    assert pace.cost(1) < 0.013


def test_what_is_not_known_costs_nothing_and_is_not_waited_for() -> None:
    pace = Pace((1, 2, 4), padded=True, max_wait=MAX_WAIT)
    assert pace.cost(3) == 0
    assert images_in_steps(pace) == {0}


def images_in_steps(pace: Pace) -> set[float]:
    encoder = Encoder(pace, 8, [1e-4])
    for _ in range(10):
        encoder.run()
    return set(encoder.waited)
