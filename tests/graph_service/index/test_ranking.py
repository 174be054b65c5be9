from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_service.index.ranking import empty_lists, exceeding, take_in


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


@pytest.mark.parametrize("axis", [0, 1])
def test_few_above_the_floor_are_all_found(axis: int) -> None:
    products = np.random.default_rng(0).standard_normal((30, 40), dtype=np.float32)
    floor = np.quantile(products, 0.9, axis=axis, keepdims=True).astype(np.float32)
    found = set(zip(*(part.tolist() for part in exceeding(products, floor, 3, axis)), strict=True))
    assert found == {tuple(position) for position in np.argwhere(products > floor).tolist()}


@pytest.mark.parametrize("axis", [0, 1])
def test_of_a_flood_only_the_best_above_the_floor_are_found(axis: int) -> None:
    products = np.random.default_rng(0).standard_normal((30, 40), dtype=np.float32)
    floor = np.full((1, 40) if axis == 0 else (30, 1), -np.inf, dtype=np.float32)
    floor.flat[0] = np.inf
    rows, columns = exceeding(products, floor, 3, axis)
    best = np.argsort(-products, axis=axis).take(range(3), axis=axis)
    mask = np.zeros(products.shape, dtype=bool)
    np.put_along_axis(mask, best, values=True, axis=axis)
    mask &= products > floor
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {
        tuple(position) for position in np.argwhere(mask).tolist()
    }
