"""Random neighbour graphs with random labels."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

TEMPERATURES = (0.001, 0.01, 0.02, 0.1, 1.0)


@st.composite
def labelled_graphs(draw, least=-1.0, temperatures=TEMPERATURES):
    """Lists of up to 4 neighbours among up to 12 nodes, dead slots and isolated parts included, and seeds."""
    n, k, classes = draw(st.integers(1, 12)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    extreme = draw(st.booleans())
    neighbours = np.full((n, k), -1, np.int32)
    similarities = np.full((n, k), -np.inf, np.float32)
    parts = rng.integers(0, draw(st.integers(1, 3)), n)
    for i in range(n):
        others = np.flatnonzero((parts == parts[i]) & (np.arange(n) != i))
        chosen = rng.permutation(others)[: rng.integers(0, k + 1)]
        cosines = rng.uniform(least, 1, len(chosen))
        neighbours[i, : len(chosen)] = chosen
        similarities[i, : len(chosen)] = np.where(cosines > 0, 1, least) if extreme else cosines
    labels = rng.integers(0, 3, (n, classes)) * (rng.random((n, 1)) < draw(st.floats(0, 1)))
    return SimpleNamespace(
        neighbours=neighbours,
        similarities=similarities,
        seeds=labels / draw(st.sampled_from((1.0, 7.0))),
        clamped=rng.random(n) < draw(st.sampled_from((0.0, 0.3, 1.0))),
        temperature=draw(st.sampled_from(temperatures)),
        steps=draw(st.integers(1, 20)),
    )


@pytest.fixture(scope="session")
def blobs():
    """600 unit vectors around 12 centres, shuffled: lists of 10 neighbours, the centre of each node."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(12, 16))
    centre_of = rng.integers(0, 12, 600)
    vectors = centres[centre_of] + rng.normal(size=(600, 16)) * 0.6
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    neighbours = np.argsort(-cosines, axis=1)[:, :10].astype(np.int32)
    similarities = np.take_along_axis(cosines, neighbours, axis=1).astype(np.float32)
    return SimpleNamespace(neighbours=neighbours, similarities=similarities, centres=centre_of)
