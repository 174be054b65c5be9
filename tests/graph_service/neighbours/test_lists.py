from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph_service.neighbours.lists import Lists

K = 3


def backwards(lists: Lists) -> dict[int, list[int]]:
    """Who lists each slot, as the lists say."""
    found = defaultdict(list)
    for i, row in enumerate(lists.neighbours.tolist()):
        for j in row:
            if j >= 0:
                found[j].append(i)
    return found


@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from(["write", "clear", "take in"]), max_size=8))
def test_holders_are_the_lists_backwards_whatever_changed(seed: int, changes: list[str]) -> None:
    rng = np.random.default_rng(seed)
    lists, slots = Lists(K), 30
    lists.make_room(slots)
    for change in ["write", *changes]:
        lists.holders()
        nodes = rng.permutation(slots)[: rng.integers(1, slots)].astype(np.int32)
        if change == "write":
            named = np.array([rng.permutation(slots)[:K] for _ in nodes], np.int32)
            similarities = -np.sort(-rng.random((len(nodes), K), np.float32))
            lists.write(nodes, np.where(rng.random(named.shape) < 0.8, named, -1), similarities)
        elif change == "clear":
            lists.clear(nodes)
        else:
            slots += 2
            lists.make_room(slots)
            newcomers = np.repeat(np.arange(slots - 2, slots, dtype=np.int32), len(nodes))
            lists.take_in(np.tile(nodes, 2), newcomers, rng.random(len(newcomers), np.float32))
        expected, holders = backwards(lists), lists.holders()
        for j in range(slots):
            assert sorted(holders.of(j).tolist()) == expected.get(j, [])
