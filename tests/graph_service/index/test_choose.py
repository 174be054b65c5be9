from __future__ import annotations

import time
from weakref import ref

import numpy as np

from graph_service.index import AutoIndex, ExactIndex, HnswIndex, VectorTable, make_index
from graph_service.index.vectors import Int32Array


def span(start: int, stop: int) -> Int32Array:
    return np.arange(start, stop, dtype=np.int32)


def test_kinds() -> None:
    table = VectorTable(2)
    assert isinstance(make_index("exact", table), ExactIndex)
    assert isinstance(make_index("hnsw", table), HnswIndex)
    assert isinstance(make_index("auto", table), AutoIndex)
    assert make_index("auto", table, switch_at=5).name == "exact"


def filled(slots: int) -> VectorTable:
    table = VectorTable(2)
    table.put(span(0, slots), np.tile(np.array([1, 0], dtype=np.float32), (slots, 1)))
    return table


def test_the_switch_waits_until_all_have_moved_and_is_slow_to_go_back() -> None:
    index = AutoIndex(filled(1000), switch_at=600, pour=3)

    index.add(span(0, 600))
    assert index.name == "exact"
    index.add(span(600, 700))  # over the line: the first 300 of 700 move along
    assert index.name == "exact"
    index.remove(span(200, 400))  # 100 of those moved, 100 of those waiting
    index.add(span(700, 800))  # 100 of 400 wait still
    assert index.name == "exact"
    index.add(span(800, 850))  # the last 150 move
    assert index.name == "hnsw"
    assert len(index) == 650

    index.remove(span(400, 700))
    assert index.name == "hnsw"  # 350 left: below the line, above half of it
    index.remove(span(700, 800))
    assert index.name == "exact"
    index.add(span(200, 550))
    assert index.name == "exact"  # 600 again, and the move is still to come
    assert len(index) == 600


def test_where_many_wait_they_move_in_the_background_while_others_come_and_go() -> None:
    rng = np.random.default_rng(0)
    table = VectorTable(8)
    table.put(span(0, 9000), rng.standard_normal((9000, 8)).astype(np.float32))
    index = AutoIndex(table, switch_at=1000, pour=0, alone=100)
    index.add(span(0, 6000))
    assert index.name == "exact"
    for start in range(6000, 9000, 100):
        index.add(span(start, start + 1))
        index.remove(np.array([start - 5000, start], dtype=np.int32))
    while index.name == "exact":
        assert len(index.search(table[0:3], 5)[0]) == 3
    held = index.search(table[0:9000], 1)[0][:, 0]
    assert len(index) == 5970
    assert np.isin(held, np.setdiff1d(span(0, 6000), np.arange(1000, 4000, 100))).all()


def test_the_background_lets_go_of_an_index_that_nobody_has() -> None:
    index = AutoIndex(filled(9000), switch_at=1000, pour=0, alone=100)
    index.add(span(0, 9000))
    gone = ref(index)
    del index
    deadline = time.monotonic() + 60
    while gone() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
