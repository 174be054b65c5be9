"""An interval that keeps its level, and how long it takes to reach a target."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from graph_service.auditing.proportion import trials_to_reach, wilson

LEVELS = st.floats(0.5, 0.999)


@given(trials=st.integers(1, 2_000), share=st.floats(0, 1), level=LEVELS)
def test_as_scipy_has_it(trials, share, level):
    successes = round(share * trials)
    expected = binomtest(successes, trials).proportion_ci(level, method="wilson")
    lower, upper = wilson(successes, trials, level)
    assert (lower, upper) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= lower <= successes / trials <= upper <= 1


@pytest.mark.parametrize("trials", [30, 100, 400])
@pytest.mark.parametrize("truth", [0.5, 0.8, 0.95])
def test_it_holds_the_truth_about_as_often_as_it_says(trials, truth):
    """Exactly: the probability of each outcome, and whether its interval holds the truth."""
    counts = np.arange(trials + 1)
    ends = np.array([wilson(count, trials, 0.95) for count in counts])
    held = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    assert 0.92 < binom.pmf(counts, trials, truth)[held].sum() < 0.98


@given(share=st.floats(0.01, 1), target=st.floats(0.01, 0.99), level=LEVELS)
def test_the_target_is_reached_then_and_not_before(share, target, level):
    trials = trials_to_reach(share, target, level)
    if share <= target:
        assert trials is None
    elif 3 < trials < 10**6:
        assert wilson(share * trials * (1 + 1e-9), trials, level)[0] >= target - 1e-6
        assert wilson(share * (trials - 2), trials - 2, level)[0] < target


def test_the_greatest_level_there_is_has_an_interval():
    lower, upper = wilson(30, 40, math.nextafter(1, 0))
    assert 0 < lower < 0.75 < upper < 1
    assert trials_to_reach(0.95, 0.9, math.nextafter(1, 0)) > 1000


def test_a_share_above_the_target_by_rounding_never_reaches_it():
    assert trials_to_reach(0.1, 1 - 0.9, 0.95) is None
