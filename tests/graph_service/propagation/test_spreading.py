"""Label spreading against the dense truncated series in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.events import Method
from graph_service.propagation.adjacency import adjacency
from graph_service.propagation.spreading import spread

ALPHA, STEPS = 0.9, 30


def series(neighbours, similarities, temperature, labels):
    """Σ_{t=1..30} (α S)^t Y, S = D^-1/2 W D^-1/2, W symmetric; rows over their sums, and whom it reaches."""
    n = len(neighbours)
    weights = np.zeros((n, n))
    for i, p in np.argwhere(neighbours >= 0):
        j, weight = neighbours[i, p], np.exp(float(similarities[i, p]) / temperature)
        weights[i, j] = weights[j, i] = max(weights[i, j], weight)
    degrees = weights.sum(axis=1)
    roots = np.sqrt(np.where(degrees > 0, degrees, 1))
    normal = weights / roots[:, None] / roots[None, :]
    term, total = labels.astype(float), np.zeros(labels.shape)
    for _ in range(STEPS):
        term = ALPHA * normal @ term
        total += term
    return over_sums(total), total.any(axis=1)


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
def test_equals_the_series(random_neighbours, seed, n, k, least, temperature, classes, share):
    neighbours, similarities = random_neighbours(seed, n, k, least)
    labels = some_labels(seed, n, classes, share)
    rows = found(neighbours, similarities, temperature, labels)
    expected, reached = series(neighbours, similarities, temperature, labels)
    # Float32 loses a row of less than 1e-45; then it says nothing of it.
    kept = rows.any(axis=1)
    assert not (kept & ~reached).any()
    assert (kept == reached).all() or temperature * 90 < 1 - least
    faint = rows.sum(axis=1) < 1e-30
    np.testing.assert_allclose(over_sums(rows)[~faint], expected[~faint], atol=2e-5)


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
    expected, reached = series(neighbours, similarities, temperature, labels)
    np.testing.assert_array_equal(rows.any(axis=1), reached)
    np.testing.assert_allclose(over_sums(rows), expected, atol=2e-5)


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


def test_a_label_comes_thirty_steps_far():
    n = 40
    neighbours = np.arange(-1, n - 1, dtype=np.int32)[:, None]
    similarities = np.where(neighbours >= 0, 0.5, -np.inf).astype(np.float32)
    rows = found(neighbours, similarities, 1.0, np.eye(n, 1))
    np.testing.assert_array_equal(np.flatnonzero(rows[:, 0]), np.arange(STEPS + 1))


def test_only_labels_that_nobody_hears():
    nobody = np.full((3, 2), -1, np.int32), np.full((3, 2), -np.inf, np.float32)
    assert not found(*nobody, 0.1, np.eye(3)).any()


@pytest.mark.parametrize("classes", [1, 15, 16, 17, 64, 65, 130])
def test_every_width_of_a_row(random_neighbours, classes):
    lists = random_neighbours(5, 60, 5, 0.0)
    labels = some_labels(6, 60, classes, 0.4)
    expected, _ = series(*lists, 0.2, labels)
    np.testing.assert_allclose(over_sums(found(*lists, 0.2, labels)), expected, atol=1e-5)
