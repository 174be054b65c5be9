"""Beliefs are distributions or nothing; decisions follow them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from graph_service.propagation.beliefs import beliefs, decide

SCORES = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
    elements=st.one_of(st.just(0.0), st.floats(1e-250, 1e250)),
)


@given(SCORES)
def test_rows_sum_to_one_or_are_unreached(scores):
    rows = beliefs(scores)
    reached = scores.any(axis=1)
    np.testing.assert_allclose(rows.sum(axis=1), reached, rtol=1e-5)
    assert rows.dtype == np.float32
    classes, confidences = decide(rows)
    assert classes.dtype == np.int32
    assert confidences.dtype == np.float32
    for row, class_index, confidence in zip(rows, classes, confidences, strict=True):
        assert class_index == (row.tolist().index(max(row)) if row.any() else -1)
        assert confidence == max(row)


def test_no_rows():
    rows = beliefs(np.zeros((0, 3)))
    assert rows.shape == (0, 3)
    assert [part.shape for part in decide(rows)] == [(0,), (0,)]
