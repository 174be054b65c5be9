from __future__ import annotations

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


def test_the_switch_waits_until_all_have_moved_and_is_slow_to_go_back() -> None:
    table = VectorTable(2)
    table.put(span(0, 1000), np.tile(np.array([1, 0], dtype=np.float32), (1000, 1)))
    index = make_index("auto", table, switch_at=600)

    index.add(span(0, 600))
    assert index.name == "exact"
    index.add(span(600, 700))  # over the line: 200 of the old 600 move along
    assert index.name == "exact"
    index.remove(span(100, 300))  # 100 of those moved, 100 of those waiting
    index.add(span(700, 800))
    assert index.name == "exact"
    index.add(span(800, 850))  # the last 100 move
    assert index.name == "hnsw"
    assert len(index) == 650

    index.remove(span(300, 600))
    assert index.name == "hnsw"  # 350 left: below the line, above half of it
    index.remove(span(600, 700))
    assert index.name == "exact"
    index.add(span(100, 450))
    assert index.name == "exact"  # 600 again, and the move is still to come
    assert len(index) == 600
