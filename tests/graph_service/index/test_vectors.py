from __future__ import annotations

import numpy as np

from graph_service.index.vectors import Float32Array, VectorTable, grown


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
