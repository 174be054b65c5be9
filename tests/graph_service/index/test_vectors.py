from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_service.index.vectors import Float32Array, Int32Array, VectorTable, grown


def unit(rows: int, dimension: int, seed: int = 0) -> Float32Array:
    vectors = np.random.default_rng(seed).standard_normal((rows, dimension), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rounded(vectors: Float32Array) -> Float32Array:
    """As tables hand vectors out: rounded to float16, of unit length again."""
    kept = vectors.astype(np.float16).astype(np.float64)
    return (kept / np.linalg.norm(kept, axis=1, keepdims=True)).astype(np.float32)


def test_vectors_stay_where_they_were_put_while_the_table_grows() -> None:
    rng = np.random.default_rng(0)
    table = VectorTable(3)
    model: dict[int, Float32Array] = {}
    for seed in range(50):
        slots = rng.choice(200, 4, replace=False).astype(np.int32)
        vectors = unit(4, 3, seed)
        table.put(slots, vectors)
        model.update(zip(slots.tolist(), rounded(vectors), strict=True))
    held = np.array(list(model), dtype=np.int32)
    np.testing.assert_allclose(table[held], np.array(list(model.values())), atol=2e-7)


def test_a_slice_is_the_rows_in_it_and_those_never_put_are_zero() -> None:
    table = VectorTable(2)
    table.put(np.array([0, 3], dtype=np.int32), np.eye(2, dtype=np.float32))
    assert table[0:4].tolist() == [[1, 0], [0, 0], [0, 0], [0, 1]]
    assert table[1:2].tolist() == [[0, 0]]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 70), st.integers(0, 2**32))
def test_similarities_are_the_cosines_of_what_is_kept(
    slots: int, queries: int, dimension: int, seed: int
) -> None:
    table = VectorTable(dimension)
    vectors, asked = unit(slots, dimension, seed), unit(queries, dimension, seed + 1)
    table.put(np.arange(slots, dtype=np.int32), vectors)
    low = slots // 3
    expected = asked.astype(np.float64) @ rounded(vectors)[low:].T
    np.testing.assert_allclose(table.similarities(asked, low, slots), expected, atol=1e-6)


def test_what_was_kept_comes_back_bit_for_bit_and_changes_cosines_by_little() -> None:
    vectors = unit(2000, 384)
    kept = vectors.astype(np.float16)
    table = VectorTable(384)
    table.put(np.arange(2000, dtype=np.int32), kept)
    np.testing.assert_array_equal(table.kept[:2000], kept)
    np.testing.assert_allclose(np.linalg.norm(table[0:2000], axis=1), 1, atol=3e-7)
    exact = vectors[:200].astype(np.float64) @ vectors.T
    assert np.abs(table[0:200].astype(np.float64) @ table[0:2000].T - exact).max() < 1e-4


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
    table.put(np.arange(slots, dtype=np.int32), unit(slots, dimension, 1))
    return table


@given(
    frozen=st.lists(st.integers(0, 12), max_size=3),
    puts=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True), max_size=8),
)
def test_what_is_frozen_never_changes(frozen: list[int], puts: list[list[int]]) -> None:
    """Whatever is put, be it a frozen slot used again, a new one, or one far beyond the table's end."""
    table = filled(12)
    model = table[0:12]
    views = [(table.freeze(slots), model[:slots].copy()) for slots in frozen]
    for number, slots in enumerate(puts):
        vectors = unit(len(slots), 3, number + 10)
        table.put(rows(*slots), vectors)
        model = grown(model, max(slots) + 1, 0)
        model[slots] = table[rows(*slots)]
        views.append((table.freeze(number), model[:number].copy()))
        np.testing.assert_array_equal(table[0 : len(model)], model[: len(table)])
    for view, before in views:
        np.testing.assert_array_equal(view[0 : len(view)], before)


def test_a_smaller_view_later_does_not_thaw_a_larger_one() -> None:
    table = filled(12)
    view = table.freeze(12)
    before = view[0:12]
    table.freeze(2)
    table.put(rows(7), unit(1, 3, 5))
    np.testing.assert_array_equal(view[0:12], before)


def test_what_is_frozen_cannot_be_written() -> None:
    table = filled(4)
    view = table.freeze(4)
    with pytest.raises(ValueError, match="read-only"):
        view.kept[0] = 0
    table.put(rows(3), np.eye(3, dtype=np.float32)[:1])
    assert table[3:4].tolist() == [[1, 0, 0]]


def test_the_table_is_copied_only_for_a_frozen_slot() -> None:
    table = filled(10)
    view = table.freeze(6)
    table.put(rows(6, 9), unit(2, 3, 5))
    assert np.shares_memory(table.kept, view.kept)
    table.put(rows(5), unit(1, 3, 6))
    assert not np.shares_memory(table.kept, view.kept)
    copy = table.kept
    table.put(rows(0), unit(1, 3, 7))
    assert np.shares_memory(table.kept, copy)  # nobody holds the new one
