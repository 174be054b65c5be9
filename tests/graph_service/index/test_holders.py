from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph_service.index.holders import Holders
from graph_service.index.vectors import Int32Array


def ints(*numbers: int) -> Int32Array:
    return np.array(numbers, dtype=np.int32)


def columns(pairs: list[tuple[int, int]]) -> tuple[Int32Array, Int32Array]:
    """The slots listed, those without a pair told as -1 and nobody; and their holders."""
    listed, holders = np.array([*pairs, (-1, 0)], np.int32).T
    return np.ascontiguousarray(listed), np.ascontiguousarray(holders)


@given(st.data())
def test_holders_follow_every_change_of_the_lists(data: st.DataObject) -> None:
    """Few slots and many holders, so that blocks move, and take each other's places."""
    slots = data.draw(st.integers(1, 6))
    lists = np.array([[j if data.draw(st.booleans()) else -1 for j in range(slots)] for _ in range(slots)])
    holders = Holders(lists.astype(np.int32))
    expected: defaultdict[int, set[int]] = defaultdict(set)
    for i, j in np.argwhere(lists >= 0).tolist():
        expected[j].add(i)
    pairs = st.tuples(st.integers(0, slots - 1), st.integers(0, 40))
    for _ in range(data.draw(st.integers(1, 6))):
        entering = {(j, i) for j, i in data.draw(st.sets(pairs)) if i not in expected[j]}
        holders.enter(*columns(sorted(entering)))
        for j, i in entering:
            expected[j].add(i)
        held = [(j, i) for j in range(slots) for i in sorted(expected[j])]
        leaving = data.draw(st.sets(st.sampled_from(held))) if held else set()
        holders.leave(*columns(sorted(leaving)))
        for j, i in leaving:
            expected[j].remove(i)
        for j in range(slots):
            assert Counter(holders.of(j).tolist()) == Counter(expected[j])


def test_a_block_that_moved_leaves_its_place_to_others() -> None:
    holders = Holders(np.full((1, 1), -1, np.int32))
    holders.make_room(2000)
    for slot in range(2000):
        holders.enter(np.full(9, slot, np.int32), np.arange(9 * slot, 9 * slot + 9, dtype=np.int32))
    # 2,000 blocks of 16, and one of 8 that each of them had in its turn.
    assert len(holders.pool) <= 2 * (2000 * 16 + 8)
    for slot in range(2000):
        assert holders.of(slot).tolist() == list(range(9 * slot, 9 * slot + 9))
