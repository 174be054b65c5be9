"""Exponentials and logarithms in registers against numpy's in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from graph_service.propagation.lane_functions import exp_of, greatest, log_of
from graph_service.propagation.lanes import lane_rows, load, store


@njit
def apply(rows, shift, found, tops):
    for i in range(len(rows)):
        row = load(rows, i, 0, 16)
        tops[i] = greatest(row)
        store(found[0], i, 0, exp_of(row, shift))
        store(found[1], i, 0, log_of(row, shift))


def applied(values, shift):
    """exp(values - shift), log(values + shift), and the greatest of each sixteen."""
    rows = lane_rows(-(-len(values) // 16), 16)
    rows.flat[: len(values)] = values
    rows.flat[len(values) :] = values[-1]
    found, tops = (lane_rows(*rows.shape), lane_rows(*rows.shape)), np.empty(len(rows), np.float32)
    apply(rows, np.float32(shift), found, tops)
    np.testing.assert_array_equal(tops, rows.max(axis=1))
    return [each.ravel()[: len(values)] for each in found]


def test_exponentials_of_all_sizes():
    values = np.linspace(-79.9, 88, 100_001).astype(np.float32)
    found, _ = applied(values, 0)
    np.testing.assert_allclose(found, np.exp(values.astype(float)), rtol=3e-7)


def test_logarithms_of_all_sizes():
    values = np.concatenate([np.geomspace(1.2e-38, 3e38, 100_001), np.linspace(0.5, 2, 100_001)])
    _, found = applied(values.astype(np.float32), 0)
    np.testing.assert_allclose(found, np.log(values.astype(np.float32).astype(float)), rtol=3e-7, atol=1e-7)


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40),
    shift=st.floats(0.0009765625, 80, width=32),
)
def test_shifts(values, shift):
    values = np.array(values, np.float32)
    powers, logarithms = applied(values, shift)
    np.testing.assert_allclose(powers, np.exp(values.astype(float) - shift), rtol=1e-5, atol=2e-35)
    np.testing.assert_allclose(logarithms, np.log(values.astype(float) + shift), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("value", [-80, -81, -1e4, -1e30, -np.inf])
def test_what_is_far_below_is_next_to_nothing_but_a_normal_number(value):
    powers, _ = applied(np.full(16, value, np.float32), 0)
    assert (powers < 2e-35).all()
    assert (powers > 1000 * np.finfo(np.float32).tiny).all()
