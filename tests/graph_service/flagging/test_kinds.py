"""Planted copies, strays and contradictions are found, and little else."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.flagging.kinds import (
    contradictions,
    duplicate_cosine,
    near_pairs,
    outlyingness,
    stands_out,
)


def cloud(rng, n=300, d=12):
    vectors = rng.normal(size=(n, d)) + 2
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def lists(vectors, k=6):
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    neighbours = np.argsort(-cosines, axis=1)[:, :k].astype(np.int32)
    return neighbours, np.take_along_axis(cosines, neighbours, axis=1).astype(np.float32)


def test_planted_copies_are_the_near_duplicates():
    rng = np.random.default_rng(0)
    vectors = cloud(rng)
    copies = vectors[:10] + 1e-3 * rng.normal(size=(10, vectors.shape[1]))
    vectors = np.concatenate([vectors, copies / np.linalg.norm(copies, axis=1, keepdims=True)])
    first, second, cosines = near_pairs(*lists(vectors), np.arange(310, dtype=np.int32))
    found = set(zip(first.tolist(), second.tolist(), strict=True))
    assert found == {(i, 300 + i) for i in range(10)} | {(300 + i, i) for i in range(10)}
    assert (np.diff(cosines) <= 0).all()
    first, _, _ = near_pairs(*lists(vectors[:300]), np.arange(300, dtype=np.int32))
    assert len(first) == 0


@given(cosines=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=30))
def test_no_more_than_half_are_duplicates(cosines):
    nearest = np.array(cosines, np.float32)
    assert (nearest > max(duplicate_cosine(nearest), 1 - 1e-5)).sum() <= len(
        nearest
    ) / 2 or nearest.max() > 0.99


def test_a_stray_is_the_outlier():
    rng = np.random.default_rng(1)
    vectors = cloud(rng)
    vectors[17] = -vectors[17]
    neighbours, similarities = lists(vectors)
    neighbours[40], similarities[40] = -1, -np.inf
    factor, rank = outlyingness(neighbours, similarities, np.arange(300, dtype=np.int32))
    assert set(np.argsort(-factor)[:2]) == {17, 40}
    assert rank[40] == 299 / 300
    assert 2 <= stands_out(factor) <= 10


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_contradictions_are_those_of_an_obvious_search(seed):
    rng = np.random.default_rng(seed)
    nodes, classes = rng.integers(0, 12, 15), rng.integers(0, 3, 15)
    edges = {tuple(sorted(pair)) for pair in rng.integers(0, 12, (4, 2)).tolist()}
    both = np.array([(a, b) for a, b in edges] + [(b, a) for a, b in edges], np.int32).reshape(-1, 2)
    found = contradictions(nodes, classes, (both[:, 0], both[:, 1]), 12)
    for i in range(15):
        near = {nodes[i]} | {b for a, b in both.tolist() if a == nodes[i]}
        assert found[i] == any(nodes[j] in near and classes[j] != classes[i] for j in range(15))
