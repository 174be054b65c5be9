import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vicinal_experiments import neighbours
from vicinal_experiments.neighbours import nearest, vote


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 50), st.integers(0, 99), st.booleans())
def test_lists_are_those_of_a_full_sort(count, k, seed, own):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = None if own else vectors[:5] + 0
    cosines = (vectors if own else queries) @ vectors.T
    if own:
        np.fill_diagonal(cosines, -np.inf)
    expected = -np.sort(-cosines, axis=1)[:, : min(k, count - own)]
    cells, neighbours._CELLS = neighbours._CELLS, 3 * count  # several blocks
    try:
        found = nearest(queries, vectors, k)
    finally:
        neighbours._CELLS = cells
    assert np.allclose(found.similarities, expected, atol=1e-6)
    assert np.allclose(np.take_along_axis(cosines, found.ids, axis=1), expected, atol=1e-6)


def test_a_vote_weighs_by_the_exponential_of_the_cosine():
    lists = neighbours.Lists(np.array([[0, 1, 2]]), np.array([[0.9, 0.8, 0.5]], np.float32))
    weights = np.exp(np.array([0.9, 0.8, 0.5]) / 0.1)
    found = vote(lists, np.array([1, 0, 1]), 3, 0.1)
    assert np.allclose(found, [[weights[1], weights[0] + weights[2], 0] / weights.sum()], atol=1e-6)
    assert np.isfinite(vote(lists, np.array([1, 0, 1]), 3, 0.001)).all()
