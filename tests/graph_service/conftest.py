"""Small neighbour graphs, made the slow and obvious way."""

import numpy as np
import pytest


def exact_lists(vectors, k):
    """The k nearest of each row by cosine: int32 (n, k) padded with -1, float32 (n, k) with -inf."""
    n = len(vectors)
    cosines = np.asarray(vectors, np.float64) @ np.asarray(vectors, np.float64).T
    np.fill_diagonal(cosines, -np.inf)
    neighbours = np.full((n, k), -1, np.int32)
    similarities = np.full((n, k), -np.inf, np.float32)
    most = min(k, n - 1)
    neighbours[:, :most] = np.argsort(-cosines, axis=1, kind="stable")[:, :most]
    similarities[:, :most] = np.take_along_axis(cosines, neighbours[:, :most], axis=1)
    return neighbours, similarities


def random_lists(seed, n, k, least=-1.0, empty=0.1):
    """Lists of up to k random others with symmetric random cosines from `least` up; some hold nobody."""
    rng = np.random.default_rng(seed)
    cosines = rng.uniform(least, 1, (n, n))
    cosines = np.maximum(cosines, cosines.T)
    alone = rng.random(n) < empty
    neighbours = np.full((n, k), -1, np.int32)
    similarities = np.full((n, k), -np.inf, np.float32)
    for i in np.flatnonzero(~alone):
        others = rng.permutation(np.setdiff1d(np.flatnonzero(~alone), [i]))[: rng.integers(0, k + 1)]
        neighbours[i, : len(others)] = others
        similarities[i, : len(others)] = cosines[i, others]
    return neighbours, similarities


@pytest.fixture(scope="session")
def exact_neighbours():
    """`exact_neighbours(vectors, k)`: the lists of an exact search."""
    return exact_lists


@pytest.fixture(scope="session")
def random_neighbours():
    """`random_neighbours(seed, n, k, least, empty)`: lists that no vectors need have."""
    return random_lists
