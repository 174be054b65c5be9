"""Writes that share a commit are checked together, and come out as if each were applied before the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from graph_service.engine.engine import Engine
from graph_service.engine.requests.limits import Limits
from graph_service.engine.state.sharing import MOST_SAMPLES, together
from graph_service.engine.state.tables import Tables
from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    Event,
    LabelsAdded,
    Propagation,
    SamplesAdded,
    SamplesRemoved,
    Trust,
)
from graph_service.log.base import Receipt, Store, Write
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import ServiceError

PATIENCE = 30
IDS = [f"s{i}" for i in range(8)]
ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=4, unique=True).map(tuple)


def samples(names: tuple[str, ...], dimension: int = 4) -> SamplesAdded:
    vectors = np.full((len(names), dimension), dimension**-0.5, np.float16)
    return SamplesAdded(names, vectors, (b"",) * len(names))


def labels(names: tuple[str, ...]) -> LabelsAdded:
    count = len(names)
    return LabelsAdded(names, ("",) * count, (0,) * count, (Trust.VERIFIED,) * count)


events = st.one_of(
    st.builds(samples, ids, st.sampled_from([4, 4, 4, 5])),
    ids.map(labels),
    ids.map(SamplesRemoved),
    st.just(DatasetUpdated(None, None, None, ("c",))),
)


def tables(held: tuple[str, ...] = ()) -> Tables:
    made = Tables(DatasetCreated("d", 4, "", ("a", "b"), 3, Propagation()), NeighbourGraph(4, 3))
    if held:
        made.apply(samples(held))
        made.flush()
    return made


def refusal(tables: Tables, event: Event, limits: Limits) -> str:
    try:
        tables.check(event, limits)
    except ServiceError as refused:
        return refused.message
    return ""


@given(held=ids, written=st.lists(events, min_size=1, max_size=6), room=st.integers(1, 10))
def test_nothing_that_shares_a_commit_is_checked_against_the_rest_of_it(
    held: tuple[str, ...], written: list[Event], room: int
) -> None:
    now, limits = tables(held), Limits(max_samples=room, max_scores=2 * room + 1)
    count = together(written, now, limits)
    assert 1 <= count <= len(written)
    at_once = [refusal(now, event, limits) for event in written[:count]]
    one_by_one = []
    for event in written[:count]:
        one_by_one.append(refusal(now, event, limits))
        if not one_by_one[-1]:
            now.apply(event)
    assert at_once == one_by_one


def test_samples_share_a_commit_up_to_the_most_that_it_may_bring() -> None:
    parts = [samples(tuple(f"{i}-{j}" for j in range(1000))) for i in range(6)]
    assert together(parts, tables(), Limits()) == MOST_SAMPLES // 1000 == 4
    assert together(parts, tables(), Limits(max_samples=2500)) == 2
    assert together([samples(("a",)), labels(("a",)), samples(("b",))], tables(), Limits()) == 1


def test_labels_share_a_commit_however_many() -> None:
    assert together([labels(("a",))] * 50 + [samples(("a",))], tables(), Limits()) == 50


def test_samples_that_arrive_during_a_commit_share_the_next(
    store: Store, callers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Engine(store)) as engine:
        engine.open()
        engine.create_dataset("new", DatasetCreated("d", 4, "", ("a", "b"), 3, Propagation()))
        dataset = engine._datasets.get("d")
        append, gate, appended = dataset._log.append, threading.Event(), list[list[str]]()

        def held_up(writes: Sequence[Write], **options: int) -> list[Receipt | ServiceError]:
            appended.append([write.request_id for write in writes])
            assert gate.wait(PATIENCE)
            return append(writes, **options)

        def add(number: int) -> int:
            vector = np.eye(4, dtype=np.float32)[number % 4][None]
            names = [f"s{number % 5}"]  # the sixth brings the first another vector
            return engine.add_samples(
                "d", f"add {number}", sample_ids=names, vectors=vector, encoder_digest="", content_hashes=()
            )

        monkeypatch.setattr(dataset._log, "append", held_up)
        revisions = []
        for number in range(6):
            revisions.append(callers.submit(add, number))
            while not appended or len(dataset._writer._waiting) < number:
                time.sleep(0.001)
        gate.set()
        assert [found.result() for found in revisions] == [2, 3, 4, 5, 6, 7]
        assert appended == [["add 0"], [f"add {number}" for number in range(1, 6)]]
        summary = engine.get_dataset("d")
        assert (summary.sample_count, summary.node_count) == (5, 4)  # s0 and s1 are the same in the end
