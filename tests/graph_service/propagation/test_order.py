"""The order of the nodes: each once, and neighbours together, listed or not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph_service.propagation.order import breadth_first, renumbered


@given(data=st.data(), rows=st.integers(0, 12), k=st.integers(0, 3))
def test_each_present_row_comes_once(data, rows, k):
    present = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)), np.bool_)
    places = np.flatnonzero(present).tolist()
    neighbours = np.full((rows, k), -1, np.int32)
    for i in places:
        chosen = data.draw(st.lists(st.sampled_from(places), max_size=k, unique=True))
        neighbours[i, : len(chosen)] = chosen
    order = breadth_first(neighbours, present)
    assert sorted(order.tolist()) == places


def test_nodes_in_nobodys_list_lie_beside_their_nearest():
    rng, rings, size = np.random.default_rng(0), 40, 100
    # Rings of nodes that list each other, and as many nodes again that list the ring and are not listed.
    at = np.arange(rings * size)
    ring, place = at // size, at % size
    listed = np.stack([ring * size + (place + step) % size for step in (1, 2)], axis=1)
    neighbours = np.concatenate([listed, np.stack([at, listed[:, 0]], axis=1)]).astype(np.int32)
    shuffled = rng.permutation(len(neighbours)).astype(np.int32)
    mixed = shuffled[neighbours][np.argsort(shuffled)]
    order = breadth_first(mixed, np.ones(len(mixed), np.bool_))
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    lists = renumbered(mixed, order, number)
    assert np.abs(lists - np.arange(len(lists))[:, np.newaxis]).max() < 2 * size
