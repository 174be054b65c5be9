"""When operations begin: fixed by the seed, as irregular as a Poisson process, in equal shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_cli.loadtest.arrivals import plan, poisson

RATES = {"reads": 20.0, "click": 3.0}


@given(st.integers(0, 9), st.integers(1, 5))
def test_all_workers_together_have_the_rate(seed, workers):
    parts = [plan(RATES, 7.0, seed=seed, worker=one, workers=workers) for one in range(workers)]
    for operation, rate in RATES.items():
        counts = [sum(one.operation == operation for one in part) for part in parts]
        assert sum(counts) == round(7 * rate)
        assert max(counts) - min(counts) <= 1
    for part in parts:
        assert part == sorted(part)
        assert all(0 <= one.at < 7 for one in part)


def test_the_same_seed_plans_the_same_and_another_does_not():
    assert plan(RATES, 5, seed=1) == plan(RATES, 5, seed=1)
    assert plan(RATES, 5, seed=1) != plan(RATES, 5, seed=2)
    assert plan(RATES, 5, seed=1, worker=0, workers=2) != plan(RATES, 5, seed=1, worker=1, workers=2)


def test_reads_come_at_the_same_times_with_clicks_and_without():
    reads = [one for one in plan(RATES, 30, seed=4) if one.operation == "reads"]
    assert reads == plan({"reads": 20.0}, 30, seed=4)


def test_gaps_are_those_of_a_poisson_process():
    gaps = np.diff(poisson(20_000, 1_000.0, np.random.default_rng(3)))
    assert gaps.mean() == pytest.approx(0.05, rel=0.01)
    assert gaps.std() == pytest.approx(0.05, rel=0.05)  # exponential: as wide as its mean
    assert (gaps > 0.05).mean() == pytest.approx(np.exp(-1), abs=0.01)
