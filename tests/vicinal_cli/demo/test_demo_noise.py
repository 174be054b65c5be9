from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from vicinal_cli.demo.findings import spread_of
from vicinal_cli.demo.noise import Catch, Hunt, average_precision, planted
from vicinal_cli.demo.play import Point, stages_for

CLASSES = ("cat", "cow", "dog")


@given(count=st.integers(1, 60), rate=st.floats(0.01, 0.9), seed=st.integers(0, 2**32 - 1))
def test_the_planted_are_wrong_and_no_others(count, rate, seed):
    truth = {f"s{i}": CLASSES[i % 3] for i in range(count)}
    labels, wrong = planted(truth, CLASSES, rate, seed)
    assert labels.keys() == truth.keys()
    assert wrong == {name for name in truth if labels[name] != truth[name]}
    assert set(labels.values()) <= set(CLASSES)
    assert len(wrong) == max(1, round(rate * count))
    assert planted(dict(reversed(truth.items())), CLASSES, rate, seed) == (labels, wrong)


def test_every_other_class_is_as_likely():
    labels, wrong = planted(dict.fromkeys(map(str, range(6000)), "cat"), CLASSES, 1.0, 1)
    counts = Counter(labels[name] for name in wrong)
    assert counts.keys() == {"cow", "dog"}
    assert abs(counts["cow"] - 3000) < 200


@given(hits=st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_average_precision_is_scikit_learns(hits):
    order = [str(i) for i in range(len(hits))]
    wrong = {name for name, hit in zip(order, hits, strict=True) if hit}
    expected = average_precision_score(hits, -np.arange(len(hits)))
    assert average_precision(order, wrong) == pytest.approx(expected)


def test_what_is_not_ranked_is_not_found():
    assert average_precision(["a"], {"a", "b"}) == 0.5
    assert average_precision([], {"a"}) == 0.0


def test_precision_and_recall():
    found = Hunt({}, {"a", "c", "x", "y"}, [("a", 1.0), ("b", 0.9), ("c", 0.6), ("d", 0.1)], [])
    assert found.at(0.9) == Catch(0.9, 2, 1, 0.5, 0.25)
    assert found.at(0.5) == Catch(0.5, 3, 2, 2 / 3, 0.5)
    assert Hunt({}, {"a"}, [], []).at(0.5) == Catch(0.5, 0, 0, 0.0, 0.0)
    assert found.average_precision == (1 + 2 / 3) / 4


def test_stages_leave_something_unlabelled():
    assert stages_for(1000) == (10, 20, 50, 100)
    assert stages_for(50) == (10, 20)


def test_the_spread_is_over_plays():
    plays = [[Point(10, 0.2, ()), Point(20, 0.5, ())], [Point(10, 0.4, ())]]
    (spread,) = spread_of(plays)
    assert (spread.labels, spread.mean, spread.low, spread.high) == (10, pytest.approx(0.3), 0.2, 0.4)
