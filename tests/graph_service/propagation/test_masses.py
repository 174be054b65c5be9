"""The prior of the classes against an integral done numerically; the factors against what they are for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln

from graph_service.propagation.masses import class_prior, mass_factors


def integrated(counts):
    """E[share | counts] under Dirichlet(a, …, a), log a uniform from log 0.5 to log 10,000."""
    counts = np.asarray(counts, float)
    total, classes = counts.sum(), len(counts)

    def log_evidence(a):
        return (
            gammaln(classes * a)
            - gammaln(classes * a + total)
            + (gammaln(counts + a) - gammaln(np.full(classes, a))).sum()
        )

    top = max(log_evidence(a) for a in np.geomspace(0.5, 1e4, 200))

    def integral(value):
        def of(log_a):
            return np.exp(log_evidence(np.exp(log_a)) - top) * value(np.exp(log_a))

        return quad(of, np.log(0.5), np.log(1e4), limit=400)[0]

    evidence = integral(lambda a: 1.0)
    return [integral(lambda a, n=n: (n + a) / (total + classes * a)) / evidence for n in counts]


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(0, 60), min_size=2, max_size=6).filter(any))
def test_equals_the_integral(counts):
    np.testing.assert_allclose(class_prior(np.array(counts, float)), integrated(counts), atol=0.015)


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.floats(0, 1e5), min_size=1, max_size=30))
def test_is_a_distribution_in_the_order_of_the_counts(counts):
    counts = np.array(counts)
    prior = class_prior(counts)
    assert prior.dtype == np.float64
    assert (prior > 0).all()
    assert prior.sum() == pytest.approx(1)
    assert (np.diff(prior[np.argsort(counts)]) >= -1e-12).all()


@pytest.mark.parametrize("count", [0, 1, 5, 1000])
def test_equal_counts_give_equal_shares(count):
    np.testing.assert_allclose(class_prior(np.full(10, float(count))), 0.1)


def test_counts_that_look_like_equal_shares_give_nearly_equal_shares():
    counts = np.random.default_rng(0).multinomial(100, np.full(10, 0.1)).astype(float)
    prior = class_prior(counts)
    assert np.abs(prior - 0.1).max() < 0.4 * np.abs(counts / 100 - 0.1).max()


def test_skewed_counts_are_believed():
    counts = np.array([4000.0, 900, 250, 60, 15, 4])
    np.testing.assert_allclose(class_prior(counts), counts / counts.sum(), rtol=0.2, atol=1e-3)


def scores_and_prior(seed, rows, classes):
    """Scores of rows of any sums, with every class in each, and a prior."""
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(rng.uniform(0.3, 2, classes), rows) + 1e-3
    scores *= 10.0 ** rng.uniform(-20, 3, (rows, 1))
    return scores, rng.dirichlet(np.full(classes, 5.0))


def masses(scores):
    return (scores / scores.sum(axis=1, keepdims=True)).mean(axis=0)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(30, 300), classes=st.integers(1, 12))
def test_with_the_factors_the_masses_are_the_prior(seed, rows, classes):
    scores, prior = scores_and_prior(seed, rows, classes)
    factors = mass_factors(scores, prior)
    np.testing.assert_allclose(masses(scores * factors), prior, rtol=0.05)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_neither_the_scale_of_a_row_nor_an_empty_row_matters(seed):
    scores, prior = scores_and_prior(seed, 50, 4)
    rng = np.random.default_rng(seed)
    scaled = np.insert(scores * rng.uniform(0.1, 10, (50, 1)), [3, 20], 0, axis=0)
    np.testing.assert_allclose(mass_factors(scaled, prior), mass_factors(scores, prior), rtol=1e-6)


def test_the_scale_of_a_class_is_taken_out():
    scores, prior = scores_and_prior(1, 80, 3)
    scale = np.array([1e-3, 1, 1e2])
    balanced = scores * mass_factors(scores, prior)
    rescaled = scores * scale * mass_factors(scores * scale, prior)
    np.testing.assert_allclose(
        rescaled / rescaled.sum(axis=1, keepdims=True),
        balanced / balanced.sum(axis=1, keepdims=True),
        rtol=0.05,
    )


def test_a_class_without_mass_and_no_rows():
    scores = np.array([[0.7, 0, 0.3], [0.2, 0, 0.8], [0.9, 0, 0.1]], np.float32)
    factors = mass_factors(scores, np.array([0.5, 0.2, 0.3]))
    assert np.isfinite(factors).all()
    assert (factors > 0).all()
    got = masses(scores * factors)
    assert got[0] / got[2] == pytest.approx(0.5 / 0.3, rel=0.01)
    for nothing in (np.zeros((0, 3)), np.zeros((4, 3))):
        np.testing.assert_array_equal(mass_factors(nothing, np.full(3, 1 / 3)), np.ones(3))


def test_masses_that_no_factor_can_move_leave_the_factors_finite():
    """Rows certain of one class keep it, whatever the prior."""
    scores = np.repeat(np.eye(3), [9000, 900, 100], axis=0)
    factors = mass_factors(scores, np.array([0.001, 0.009, 0.99])).astype(np.float32)
    assert np.isfinite(factors).all()
    assert (factors > 0).all()
    np.testing.assert_allclose(masses(scores * factors), [0.9, 0.09, 0.01])
