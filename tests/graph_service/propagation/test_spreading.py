"""Label spreading against dense float64: the closed form, and the polynomial that approaches it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.spreading import spread

ALPHA, PRODUCTS = 0.9, 14


def normal_weights(neighbours, similarities, temperature):
    """S = D^-1/2 W D^-1/2, W symmetric, and D."""
    n = len(neighbours)
    weights = np.zeros((n, n))
    for i, p in np.argwhere(neighbours >= 0):
        j, weight = neighbours[i, p], np.exp(float(similarities[i, p]) / temperature)
        weights[i, j] = weights[j, i] = max(weights[i, j], weight)
    degrees = weights.sum(axis=1)
    roots = np.sqrt(np.where(degrees > 0, degrees, 1))
    return weights / roots[:, None] / roots[None, :], degrees


def closed_form(normal, labels):
    return np.linalg.solve(np.eye(len(normal)) - ALPHA * normal, ALPHA * normal @ labels)


def semi_iteration(normal, labels):
    """Chebyshev's, from nothing, for (I - αS) F = αS Y; what errs below 0 cut off."""
    before = here = np.zeros(labels.shape)
    omega = 1
    for k in range(PRODUCTS):
        if k:
            omega = 1 / (1 - ALPHA**2 * omega / (2 if k == 1 else 4))
        before, here = here, omega * (ALPHA * normal @ (here + labels) - before) + before
    return np.maximum(here, 0)


def reached(normal, labels):
    """Whom a label comes to in 1 to 14 steps."""
    heard, here = np.zeros(len(labels), bool), labels.any(axis=1)
    for _ in range(PRODUCTS):
        here = (normal[:, here] > 0).any(axis=1)
        heard |= here
    return heard


def over_sums(rows):
    sums = rows.sum(axis=1, keepdims=True, dtype=np.float64)
    return np.divide(rows, sums, out=np.zeros(rows.shape), where=sums > 0)


def found(neighbours, similarities, temperature, labels):
    adj = adjacency(neighbours, similarities, method=Method.POOLED, temperature=temperature)
    labelled = np.flatnonzero(labels.any(axis=1))
    rows = spread(adj, labels[labelled].astype(np.float32), labelled)
    assert rows.dtype == np.float32
    assert rows.shape == labels.shape
    return rows


def some_labels(seed, n, classes, share):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random((n, 1)) < 0.5, np.eye(classes)[rng.integers(0, classes, n)], 0)
    labels += rng.dirichlet(np.ones(classes), n)
    return np.where(rng.random((n, 1)) < share, over_sums(labels), 0)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 40),
    k=st.integers(1, 6),
    least=st.sampled_from([0.8, 0.0, -1.0]),
    temperature=st.sampled_from([0.02, 0.1, 1.0]),
    classes=st.sampled_from([1, 3, 17]),
    share=st.sampled_from([0.05, 0.3, 1.0]),
)
def test_equals_the_same_in_dense_float64(random_neighbours, seed, n, k, least, temperature, classes, share):
    neighbours, similarities = random_neighbours(seed, n, k, least)
    labels = some_labels(seed, n, classes, share)
    rows = found(neighbours, similarities, temperature, labels)
    normal, _ = normal_weights(neighbours, similarities, temperature)
    expected = semi_iteration(normal, labels)
    assert (rows >= 0).all()
    assert not (rows.any(axis=1) & ~reached(normal, labels)).any()
    # Float32 loses a row of less than 1e-45; then it says nothing of it.
    faint = rows.sum(axis=1) < 1e-30
    assert not (faint & (expected.sum(axis=1) > 0)).any() or temperature * 90 < 1 - least
    np.testing.assert_allclose(over_sums(rows)[~faint], over_sums(expected)[~faint], atol=2e-5)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 60),
    k=st.integers(1, 6),
    temperature=st.sampled_from([0.1, 1.0]),
    share=st.sampled_from([0.05, 0.3, 1.0]),
)
def test_comes_as_near_the_closed_form_as_is_said(random_neighbours, seed, n, k, temperature, share):
    neighbours, similarities = random_neighbours(seed, n, k, 0.0)
    labels = some_labels(seed, n, 3, share)
    rows = found(neighbours, similarities, temperature, labels)
    normal, degrees = normal_weights(neighbours, similarities, temperature)
    heard = labels.any(axis=1) & (degrees > 0)
    roots = np.sqrt(degrees / degrees[heard].min(initial=np.inf))[:, None]
    expected = closed_form(normal, labels)
    errors = np.linalg.norm(roots * rows - expected, axis=0)
    rho = ALPHA / (1 + np.sqrt(1 - ALPHA**2))
    bound = 2 * rho**PRODUCTS / (1 + rho ** (2 * PRODUCTS))
    assert bound < 0.003
    assert (errors <= (bound + 1e-5) * np.linalg.norm(expected, axis=0)).all()


@pytest.mark.parametrize("temperature", [0.005, 0.003])
def test_degrees_that_differ_by_thirty_orders_of_magnitude(exact_neighbours, temperature):
    """A dense region beside a sparse one; both keep their labels."""
    rng = np.random.default_rng(1)
    dense, sparse = rng.normal(size=(60, 8)) * 0.02 + np.eye(8)[0], rng.normal(size=(60, 8))
    vectors = np.concatenate([dense, sparse])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    neighbours, similarities = exact_neighbours(vectors, 5)
    adj = adjacency(neighbours, similarities, method=Method.POOLED, temperature=temperature)
    assert np.ptp(adj.log_degrees) > 30 * np.log(10)
    labels = np.zeros((120, 2))
    labels[:10, 0] = labels[60:70, 1] = 1
    rows = found(neighbours, similarities, temperature, labels)
    expected = semi_iteration(normal_weights(neighbours, similarities, temperature)[0], labels)
    np.testing.assert_array_equal(rows.any(axis=1), expected.any(axis=1))
    np.testing.assert_allclose(over_sums(rows), over_sums(expected), atol=2e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factor=st.sampled_from([0.25, 3.0]))
def test_is_linear_in_the_labels(random_neighbours, seed, factor):
    """The factors of rows depend on the graph and on which nodes hold labels, not on what these say."""
    lists = random_neighbours(seed, 30, 4, 0.0)
    first, second = some_labels(seed, 30, 3, 1.0), some_labels(seed + 1, 30, 3, 1.0)
    both = found(*lists, 0.2, first + factor * second)
    apart = found(*lists, 0.2, first) + factor * found(*lists, 0.2, second)
    np.testing.assert_allclose(both, apart, rtol=1e-4, atol=1e-7)


def test_a_label_says_nothing_of_its_own_node_but_by_way_of_neighbours(exact_neighbours):
    """A lone wrong label in the middle of a cluster is outvoted at its own node."""
    vectors = np.random.default_rng(2).normal(size=(20, 6)) * 0.1 + 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = np.eye(2)[np.r_[1, np.zeros(19, int)]]
    rows = over_sums(found(*exact_neighbours(vectors, 5), 0.1, labels))
    assert (rows[:, 0] > 0.8).all()


def test_whom_no_label_reaches_has_a_row_of_zeros():
    # 0 - 1 - 2 are joined, and 3 - 4; 5 is alone with a label; 6 alone without.
    neighbours = np.array([[1], [0], [1], [4], [3], [-1], [-1]], np.int32)
    similarities = np.where(neighbours >= 0, 0.5, -np.inf).astype(np.float32)
    labels = np.zeros((7, 2))
    labels[0, 0] = labels[5, 1] = 1
    rows = found(neighbours, similarities, 0.1, labels)
    assert rows[:3, 0].all()
    assert not rows[:, 1].any()
    assert not rows[3:].any()


def test_a_label_comes_as_many_steps_as_there_are_products():
    n = 40
    neighbours = np.arange(-1, n - 1, dtype=np.int32)[:, None]
    similarities = np.where(neighbours >= 0, 0.5, -np.inf).astype(np.float32)
    rows = found(neighbours, similarities, 1.0, np.eye(n, 1))
    assert rows[: PRODUCTS - 4, 0].all()
    assert not rows[PRODUCTS + 1 :].any()


def test_only_labels_that_nobody_hears():
    nobody = np.full((3, 2), -1, np.int32), np.full((3, 2), -np.inf, np.float32)
    assert not found(*nobody, 0.1, np.eye(3)).any()


@pytest.mark.parametrize("classes", [1, 15, 16, 17, 64, 65, 130])
def test_every_width_of_a_row(random_neighbours, classes):
    lists = random_neighbours(5, 60, 5, 0.0)
    labels = some_labels(6, 60, classes, 0.4)
    expected = over_sums(semi_iteration(normal_weights(*lists, 0.2)[0], labels))
    np.testing.assert_allclose(over_sums(found(*lists, 0.2, labels)), expected, atol=1e-5)
