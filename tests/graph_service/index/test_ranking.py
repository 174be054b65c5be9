from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph_service.index.ranking import empty_lists, exceeding, select, take_in


@given(st.data())
def test_taking_in_equals_sorting_everything(data: st.DataObject) -> None:
    rows, k = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 4))
    pairs = st.tuples(st.integers(0, rows - 1), st.integers(0, 9).map(lambda tenth: tenth / 10))
    candidates = data.draw(st.lists(pairs, max_size=30))
    lists = empty_lists(rows, k)
    split = data.draw(st.integers(0, len(candidates)))
    for part in (range(split), range(split, len(candidates))):
        take_in(
            lists,
            np.array([candidates[i][0] for i in part], dtype=np.int64),
            np.array(part, dtype=np.int32),
            np.array([candidates[i][1] for i in part], dtype=np.float32),
        )
    for row in range(rows):
        ranked = sorted((-similarity, i) for i, (r, similarity) in enumerate(candidates) if r == row)[:k]
        padding = k - len(ranked)
        assert lists[0][row].tolist() == [i for _, i in ranked] + [-1] * padding
        expected = [np.float32(-s) for s, _ in ranked] + [-np.inf] * padding
        np.testing.assert_array_equal(lists[1][row], expected)


def test_all_above_the_floor_are_found() -> None:
    products = np.random.default_rng(0).standard_normal((30, 40), dtype=np.float32)
    floor = np.quantile(products, 0.9, axis=0).astype(np.float32)
    floor[3], floor[4] = np.inf, -np.inf
    rows, columns = exceeding(products, floor)
    found = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert len(found) == len(rows)
    assert found == {tuple(position) for position in np.argwhere(products > floor).tolist()}


@given(st.data())
def test_selecting_block_by_block_equals_sorting_everything(data: st.DataObject) -> None:
    m, k, count = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 5)), data.draw(st.integers(0, 20))
    tenths = data.draw(st.lists(st.integers(-1, 9), min_size=m * count, max_size=m * count))
    products = np.array(tenths, np.float32).reshape(m, count) / 10
    products[products < 0] = -np.inf
    lists = empty_lists(m, k)
    split = data.draw(st.integers(0, count))
    for start, stop in ((0, split), (split, count)):
        select(*lists, np.ascontiguousarray(products[:, start:stop]), 5 + start)
    for row, expected in zip(zip(*lists, strict=True), products, strict=True):
        ranked = sorted((-p, 5 + j) for j, p in enumerate(expected.tolist()) if p > -np.inf)[:k]
        assert row[0].tolist() == [slot for _, slot in ranked] + [-1] * (k - len(ranked))
        np.testing.assert_array_equal(row[1], [-p for p, _ in ranked] + [-np.inf] * (k - len(ranked)))
