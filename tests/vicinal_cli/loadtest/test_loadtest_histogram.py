"""Percentiles against numpy's of all values, and adding together."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_cli.loadtest.histogram import LEAST, Histogram

DURATIONS = st.lists(st.floats(LEAST, 1000.0), min_size=1, max_size=200)
SHARES = (0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0)


def histogram(durations):
    found = Histogram()
    for one in durations:
        found.add(one)
    return found


@given(DURATIONS)
def test_quantiles_are_numpys_to_one_percent(durations):
    found = histogram(durations)
    exact = [np.quantile(durations, share, method="inverted_cdf") for share in SHARES]
    assert [found.quantile(share) for share in SHARES] == pytest.approx(exact, rel=0.0051)
    assert found.quantile(1.0) == max(durations)
    assert found.mean == pytest.approx(np.mean(durations))


def test_a_long_tail_is_seen():
    durations = np.random.default_rng(0).lognormal(-5, 2, 20_000)
    found = histogram(durations.tolist())
    for share in (0.5, 0.9, 0.99, 0.999):
        assert found.quantile(share) == pytest.approx(np.quantile(durations, share), rel=0.02)


@given(DURATIONS, DURATIONS)
def test_merging_is_adding_all_to_one(some, others):
    together = histogram(some)
    together.merge(histogram(others))
    whole = histogram([*some, *others])
    assert together.buckets == whole.buckets
    assert together.longest == whole.longest
    assert together.mean == pytest.approx(whole.mean)


@given(DURATIONS)
def test_json_keeps_all(durations):
    found = histogram(durations)
    assert Histogram.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_nothing_has_no_quantiles():
    assert Histogram().quantile(0.5) is None
    assert Histogram().mean is None


def test_what_is_too_short_to_tell_counts_as_the_least():
    found = histogram([0.0, -1.0, 1e-9])
    assert found.count == 3
    assert found.quantile(0.5) == LEAST
