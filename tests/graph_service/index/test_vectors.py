from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_service.index.vectors import Float32Array, Int32Array, VectorTable, grown


def test_vectors_stay_where_they_were_put_while_the_table_grows() -> None:
    rng = np.random.default_rng(0)
    table = VectorTable(3)
    model: dict[int, Float32Array] = {}
    for _ in range(50):
        slots = rng.choice(200, 4, replace=False).astype(np.int32)
        vectors = rng.standard_normal((4, 3), dtype=np.float32)
        table.put(slots, vectors)
        model.update(zip(slots.tolist(), vectors, strict=True))
    held = np.array(list(model), dtype=np.int32)
    np.testing.assert_array_equal(table[held], np.array(list(model.values())))


def test_a_slice_is_a_view_and_slots_are_a_copy() -> None:
    table = VectorTable(2)
    table.put(np.array([0, 1], dtype=np.int32), np.eye(2, dtype=np.float32))
    assert np.shares_memory(table[0:1], table[0:2])
    assert not np.shares_memory(table[np.array([0], dtype=np.int32)], table[0:2])


def test_growing_doubles_and_fills() -> None:
    array = np.array([[1, 2], [3, 4]], dtype=np.int32)
    assert grown(array, 2, -1) is array
    larger = grown(array, 3, -1)
    assert larger.tolist() == [[1, 2], [3, 4], [-1, -1], [-1, -1]]
    assert grown(array, 9, -1).shape == (9, 2)


def rows(*slots: int) -> Int32Array:
    return np.array(slots, dtype=np.int32)


def filled(slots: int, dimension: int = 3) -> VectorTable:
    table = VectorTable(dimension)
    vectors = np.random.default_rng(1).standard_normal((slots, dimension), dtype=np.float32)
    table.put(np.arange(slots, dtype=np.int32), vectors)
    return table


@given(
    frozen=st.lists(st.integers(0, 12), max_size=3),
    puts=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True), max_size=8),
)
def test_what_is_frozen_never_changes(frozen: list[int], puts: list[list[int]]) -> None:
    """Whatever is put, be it a frozen slot used again, a new one, or one far beyond the table's end."""
    table = filled(12)
    model = table[0:12].copy()
    views = [(table.freeze(slots), model[:slots].copy()) for slots in frozen]
    for number, slots in enumerate(puts):
        vectors = np.full((len(slots), 3), number + 10, np.float32)
        table.put(rows(*slots), vectors)
        model = grown(model, max(slots) + 1, 0)
        model[slots] = vectors
        views.append((table.freeze(number), model[:number].copy()))
        np.testing.assert_array_equal(table[0 : len(model)], model[: len(table)])
    for view, before in views:
        np.testing.assert_array_equal(view, before)


def test_a_smaller_view_later_does_not_thaw_a_larger_one() -> None:
    table = filled(12)
    view = table.freeze(12)
    before = view.copy()
    table.freeze(2)
    table.put(rows(7), np.ones((1, 3), np.float32))
    np.testing.assert_array_equal(view, before)


def test_what_is_frozen_cannot_be_written() -> None:
    table = filled(4)
    view = table.freeze(4)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 0
    table.put(rows(3), np.ones((1, 3), np.float32))
    assert table[3:4].tolist() == [[1, 1, 1]]


def test_the_table_is_copied_only_for_a_frozen_slot() -> None:
    table = filled(10)
    view = table.freeze(6)
    table.put(rows(6, 9), np.ones((2, 3), np.float32))
    assert np.shares_memory(table[0:6], view)
    table.put(rows(5), np.ones((1, 3), np.float32))
    assert not np.shares_memory(table[0:6], view)
    copy = table[0:6]
    table.put(rows(0), np.ones((1, 3), np.float32))
    assert np.shares_memory(table[0:6], copy)  # nobody holds the new one
