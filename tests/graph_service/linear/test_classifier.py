"""Logistic regression against the optimum that scipy's general-purpose minimiser finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from graph_service.linear.classifier import Lesson, log_posterior

PENALTY = 0.1


def fit(features, targets, weights, penalty):
    return Lesson(features, weights, penalty).learn(targets)


def problem(seed, rows, width, classes, sharpness):
    """Features of a mean squared norm of 1, soft targets that depend on them, and uneven weights."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, width)) * 0.9 ** np.arange(width)
    features /= np.sqrt(np.square(features).sum(axis=1).mean())
    logits = sharpness * (features @ rng.normal(size=(width, classes)) + rng.gumbel(size=(rows, classes)))
    targets = np.exp(log_softmax(logits, axis=1))
    weights = rng.choice([1.0, 0.07], rows)
    return features.astype(np.float32), targets.astype(np.float32), weights.astype(np.float32)


def loss(flat, features, targets, weights, penalty):
    """Σ_i w_i H(target_i, softmax(x_i W)) + penalty/2 ‖W‖², the intercepts free; and its gradient."""
    coefficients = flat.reshape(features.shape[1] + 1, -1)
    x = np.column_stack([features, np.ones(len(features))]).astype(float)
    logs = log_softmax(x @ coefficients, axis=1)
    penalised = np.vstack([coefficients[:-1], np.zeros_like(coefficients[-1:])])
    value = -(weights[:, None] * targets * logs).sum() + penalty / 2 * np.square(penalised).sum()
    gradient = x.T @ (weights[:, None] * (np.exp(logs) - targets)) + penalty * penalised
    return value, gradient.ravel()


def optimum(features, targets, weights, penalty=PENALTY):
    start = np.zeros((features.shape[1] + 1) * targets.shape[1])
    arguments = (features.astype(float), targets.astype(float), weights.astype(float), penalty)
    found = minimize(loss, start, arguments, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return found.fun, found.x.reshape(features.shape[1] + 1, -1)


def excess(problem, penalty=PENALTY):
    """How far above the optimum the fit is, of the way there from no coefficients at all."""
    least, _ = optimum(*problem, penalty)
    worst, _ = loss(np.zeros((problem[0].shape[1] + 1) * problem[1].shape[1]), *problem, penalty)
    found, _ = loss(fit(*problem, penalty).astype(float).ravel(), *problem, penalty)
    assert found >= least - 1e-4 * abs(least)
    return (found - least) / (worst - least)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(30, 300),
    width=st.integers(1, 25),
    classes=st.integers(2, 8),
    sharpness=st.sampled_from([1.0, 3.0]),
)
def test_comes_close_to_the_optimum(seed, rows, width, classes, sharpness):
    learnt = excess(problem(seed, rows, width, classes, sharpness))
    assert learnt < 0.05


def test_agrees_with_the_optimum_about_new_rows():
    features, targets, weights = problem(1, 4000, 30, 10, 5.0)
    train = slice(0, 1000)
    coefficients = fit(features[train], targets[train], weights[train], PENALTY)
    _, best = optimum(features[train], targets[train], weights[train])
    assert coefficients.shape == best.shape
    assert coefficients.dtype == np.float32
    decided = log_posterior(features, coefficients).argmax(axis=1)
    assert (decided == log_posterior(features, best.astype(np.float32)).argmax(axis=1)).mean() > 0.97


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.sampled_from([1.0, 0.5, 3.0]))
def test_turning_the_features_turns_the_coefficients(seed, factor):
    """And stretching them, under a penalty stretched alike, stretches the coefficients."""
    features, targets, weights = problem(seed, 200, 8, 4, 2.0)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 8)))[0].astype(np.float32)
    plain = fit(features, targets, weights, PENALTY)
    other = fit(features @ turn * np.float32(factor), targets, weights, PENALTY * factor**2)
    np.testing.assert_allclose(turn @ other[:-1] * factor, plain[:-1], atol=2e-3, rtol=2e-3)
    np.testing.assert_allclose(other[-1], plain[-1], atol=2e-3)


def test_a_weight_of_three_is_a_row_three_times():
    features, targets, _ = problem(2, 120, 6, 3, 2.0)
    weights = np.random.default_rng(2).integers(0, 4, 120)
    weighted = fit(features, targets, weights.astype(np.float32), PENALTY)
    features, targets = np.repeat(features, weights, axis=0), np.repeat(targets, weights, axis=0)
    repeated = fit(features, targets, np.ones(len(features), np.float32), PENALTY)
    np.testing.assert_allclose(weighted, repeated, atol=1e-3)


def test_the_penalty_shrinks_coefficients_but_not_the_intercept():
    features, targets, weights = problem(3, 300, 5, 3, 3.0)
    shrunk = fit(features, targets, weights, 1e5)
    assert np.abs(shrunk[:-1]).max() < 1e-2
    shares = (weights[:, None] * targets).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(np.exp(log_posterior(features, shrunk)).mean(axis=0), shares, atol=0.01)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.0, 1.0, 1e3, 1e6]))
def test_log_posterior_is_the_logarithm_of_a_softmax(seed, scale):
    rng = np.random.default_rng(seed)
    rows, width, classes = rng.integers(1, 8, 3)
    features = rng.normal(size=(rows, width)).astype(np.float32)
    coefficients = (scale * rng.normal(size=(width + 1, classes))).astype(np.float32)
    found = log_posterior(features, coefficients)
    logits = np.column_stack([features, np.ones(rows)]) @ coefficients.astype(float)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, log_softmax(logits, axis=1), atol=1e-5 * max(scale, 1))


@pytest.mark.parametrize("rows", [1, 5, 2000])
@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e-3, 1e3, 1e6])
def test_features_of_any_scale_give_finite_coefficients(rows, scale):
    features, targets, weights = problem(4, rows, 20, 3, 50.0)
    weights[:] = 1
    coefficients = fit(features * np.float32(scale), targets, weights, PENALTY)
    assert np.isfinite(coefficients).all()
    assert np.isfinite(log_posterior(features * np.float32(scale), coefficients)).all()


def test_one_class_is_certain():
    features, targets, weights = problem(5, 20, 4, 1, 1.0)
    assert not log_posterior(features, fit(features, targets, weights, PENALTY)).any()
