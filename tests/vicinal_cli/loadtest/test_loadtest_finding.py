"""The search for the highest sustained rate, against a service whose highest rate is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_cli.errors import CliError
from vicinal_cli.loadtest.finding import Bounds, find_rate, is_sustained
from vicinal_cli.loadtest.result import Phase
from vicinal_cli.loadtest.tally import Tally

BOUNDS = Bounds(annotators=4, p99=1.0)


def phase(latencies=(0.1,) * 200, errors=(), unfinished=0):
    tally = Tally()
    row = tally.row("click")
    for latency in latencies:
        row.plan(0)
        row.answered(0, latency)
    for reason in errors:
        row.plan(0)
        row.failed(0, reason)
    tally.unfinished = unfinished
    return Phase("a trial", 10, {"click": 20.0}, tally)


@pytest.mark.parametrize(
    ("trial", "sustained"),
    [
        (phase(), True),
        (phase(latencies=[0.1] * 198 + [2.0] * 2), True),
        (phase(latencies=[0.1] * 197 + [2.0] * 3), False),
        (phase(errors=["QUEUE_FULL"]), False),
        (phase(unfinished=10), True),
        (phase(unfinished=11), False),
        (phase(latencies=[0.1] * 8, unfinished=4), True),
        (phase(latencies=[]), False),
    ],
)
def test_a_rate_is_sustained_without_errors_without_waits_and_without_a_backlog(trial, sustained):
    assert is_sustained(trial, BOUNDS) is sustained


@given(st.floats(0.1, 1000), st.floats(0.2, 5))
def test_the_highest_rate_is_found(highest, guess):
    tried = []

    def trial(rate):
        tried.append(rate)
        return Phase("", 10, {"click": rate}, Tally(), sustained=rate <= highest)

    found, trials = find_rate(guess * highest, trial, BOUNDS)
    assert highest / 1.07 < found <= highest
    assert [one.rates["click"] for one in trials] == tried


def test_a_service_that_sustains_nothing_is_an_error():
    with pytest.raises(CliError, match="not even"):
        find_rate(10.0, lambda rate: Phase("", 10, {"click": rate}, Tally(), sustained=False), BOUNDS)
