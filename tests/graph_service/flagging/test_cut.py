"""Cuts against trying them all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_service.flagging.cut import best_f1, target_precision

FALLING = st.lists(st.floats(0, 1, width=32), max_size=40).map(
    lambda p: np.array(sorted(p)[::-1], np.float32)
)


@given(wrong=FALLING)
def test_the_best_expected_f1(wrong):
    total = float(wrong.sum(dtype=np.float64))
    scores = [2 * float(wrong[:k].sum(dtype=np.float64)) / (k + total) for k in range(1, len(wrong) + 1)]
    scores.insert(0, float(np.prod(1 - wrong, dtype=np.float64)))
    assert scores[best_f1(wrong)] == pytest.approx(max(scores))


@given(wrong=FALLING, target=st.floats(0.01, 1))
def test_as_many_as_the_precision_allows(wrong, target):
    means = [float(wrong[:k].mean(dtype=np.float64)) for k in range(1, len(wrong) + 1)]
    allowed = [k for k, mean in enumerate(means, 1) if mean >= target]
    found = target_precision(wrong, target)
    if all(abs(mean - target) > 1e-6 for mean in means):
        assert found == max(allowed, default=0)


def test_nothing_wrong_is_nothing_flagged():
    assert best_f1(np.zeros(5)) == best_f1(np.zeros(0)) == 0


def test_nothing_is_flagged_where_probably_nothing_is_wrong():
    assert best_f1(np.full(300, 0.001)) == 0
    assert best_f1(np.array([0.9, *np.full(300, 0.001)])) == 1
