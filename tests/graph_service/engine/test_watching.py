"""What a watcher is told adds up to what is believed."""

import gc
import threading
import weakref
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_service.engine.currency import PropagationFailed
from graph_service.engine.engine import Engine
from graph_service.engine.leasing import LeaseTerms
from graph_service.engine.requests.limits import Limits
from graph_service.engine.watching import Changes, State, difference
from graph_service.events import DatasetCreated, DatasetUpdated, Method, Propagation, Trust
from graph_service.suggestion.strategies import Strategy
from vicinal.wire.errors import Aborted, InvalidArgument, NotFound, ResourceExhausted, Unavailable

COUNT = 60
PATIENCE = 30
BELIEF = st.tuples(st.integers(-1, 3), st.sampled_from([0.0, 0.25, 0.5, 0.53, 0.75, 1.0]))
STATES = st.lists(st.dictionaries(st.integers(0, 12), BELIEF, max_size=10), min_size=1, max_size=6)


def state(beliefs):
    rows = sorted(beliefs)
    return State(
        [f"s{row}" for row in rows],
        np.array(rows, np.int64),
        np.array([beliefs[row][0] for row in rows], np.int32),
        np.array([beliefs[row][1] for row in rows], np.float32),
    )


def told_by(held, changes):
    """What a watcher holds after he was told of changes, a dict from id to class and confidence."""
    gone = set(changes.left)
    kept = {name: belief for name, belief in held.items() if name not in gone}
    columns = changes.classes.tolist(), changes.confidences.tolist()
    return kept | dict(zip(changes.sample_ids, zip(*columns, strict=True), strict=True))


@given(states=STATES, min_change=st.sampled_from([0.0, 0.05, 0.25, 1.0]))
def test_differences_add_up(states, min_change):
    """Classes are those believed, confidences less than `min_change` off; what did not move is not told."""
    told, held = State.empty(), {}
    for beliefs in states:
        now = state(beliefs)
        moved, left, after = difference(told, now, min_change)
        for i in moved.tolist():
            before = held.get(now.ids[i])
            assert before is None or before[0] != now.classes[i] or before[1] != now.confidences[i]
        changes = Changes(
            1,
            [now.ids[i] for i in moved],
            now.classes[moved],
            now.confidences[moved],
            [told.ids[i] for i in left],
        )
        held = told_by(held, changes)
        assert held == dict(zip(after.ids, zip(after.classes, after.confidences, strict=True), strict=True))
        assert {name: belief[0] for name, belief in held.items()} == {
            f"s{row}": index for row, (index, _) in beliefs.items()
        }
        for row, (_, confidence) in beliefs.items():
            off = abs(held[f"s{row}"][1] - np.float32(confidence))
            assert off == 0 if not min_change else off < min_change
        told = after


def test_small_moves_add_up():
    told = state({0: (1, 0.5)})
    found = []
    for confidence in (0.52, 0.54, 0.56, 0.58):
        moved, _, told = difference(told, state({0: (1, confidence)}), 0.05)
        found.append(len(moved))
    assert found == [0, 0, 1, 0]


@given(left=st.integers(0, 7), moved=st.integers(0, 7), size=st.integers(1, 9))
def test_parts_are_the_whole(left, moved, size):
    whole = Changes(
        3,
        [f"s{i}" for i in range(moved)],
        np.arange(moved, dtype=np.int32),
        np.linspace(0, 1, moved, dtype=np.float32),
        [f"x{i}" for i in range(left)],
    )
    parts = list(whole.parts(size))
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert all(len(part.left) + len(part.sample_ids) <= size for part in parts)
    assert [name for part in parts for name in part.left] == whole.left
    assert [name for part in parts for name in part.sample_ids] == whole.sample_ids
    np.testing.assert_array_equal(np.concatenate([part.classes for part in parts]), whole.classes)
    np.testing.assert_array_equal(np.concatenate([part.confidences for part in parts]), whole.confidences)
    assert all(len(part.sample_ids) == len(part.classes) == len(part.confidences) for part in parts)
    places = [i for i, part in enumerate(parts) if part.left]
    assert not places or not any(
        part.sample_ids for part in parts[: places[-1]]
    )  # those that left come first


# -- through the engine --------------------------------------------------------------------------------------


@pytest.fixture(params=Method)
def engine(request, store):
    engine = Engine(store, Limits(max_watchers=2))
    engine.open()
    engine.create_dataset("new", DatasetCreated("d", 6, "", ("a", "b"), 4, Propagation(method=request.param)))
    add(engine, "s", COUNT)
    label(engine, {"s0": 0, "s1": 1})
    with closing(engine):
        yield engine


def add(engine, prefix, count):
    vectors = np.random.default_rng(len(prefix)).normal(size=(count, 6))
    ids = [f"{prefix}{i}" for i in range(count)]
    name = f"add {prefix} {count}"
    return engine.add_samples(
        "d", name, sample_ids=ids, vectors=vectors, encoder_digest="", content_hashes=()
    )


def label(engine, classes):
    stated = [(sample, "me", "ab"[index], Trust.VERIFIED) for sample, index in classes.items()]
    return engine.add_labels("d", f"label {classes}", stated)


def watching(engine, **options):
    asked = {"min_change": 0, "changes_only": False, "on_news": lambda: None} | options
    return engine.watch_beliefs("d", asked.pop("min_revision", 0), **asked)


def exported(engine, revision):
    page, _ = engine.export_beliefs("d", revision, include_beliefs=False, page_size=1000, page_token="")
    columns = page.classes.tolist(), page.confidences.tolist()
    return dict(zip(page.sample_ids, zip(*columns, strict=True), strict=True))


def test_what_is_told_is_what_an_export_says(engine):
    writes = [
        lambda: label(engine, {"s2": 1, "s3": 0}),
        lambda: add(engine, "new", 9),
        lambda: engine.remove_samples("d", "remove", ["s0", "s5", "new3"]),
        lambda: add(engine, "new", 4),  # one of them was removed before
        lambda: add(engine, "s", 5),  # and so was one of these
        lambda: engine.update_dataset("d", "update", DatasetUpdated(None, None, None, ("c",))),
        lambda: engine.remove_labels("d", "take back", [("s2", "me")]),
    ]
    with closing(watching(engine)) as watch:
        first = watch.changes()
        assert first.sample_ids == [f"s{i}" for i in range(COUNT)]
        held = told_by({}, first)
        for write in writes:
            revision = write()
            engine.propagate("d", revision)
            changes = watch.changes()
            assert changes.revision == revision
            held = told_by(held, changes)
            assert held == exported(engine, revision)
            assert watch.changes() is None


def test_a_slow_watcher_is_told_of_all_at_once(engine):
    with closing(watching(engine)) as watch:
        held = told_by({}, watch.changes())
        for i in range(2, 12):
            revision = engine.propagate("d", label(engine, {f"s{i}": i % 2})).revision
        changes = watch.changes()
        assert changes.revision == revision
        assert told_by(held, changes) == exported(engine, revision)
        assert watch.changes() is None


def test_changes_only(engine):
    with closing(watching(engine, changes_only=True)) as watch:
        first = watch.changes()
        assert (first.sample_ids, first.left) == ([], [])
        held = exported(engine, first.revision)
        revision = engine.propagate("d", label(engine, {"s2": 1})).revision
        assert told_by(held, watch.changes()) == exported(engine, revision)


def test_a_watch_begins_where_asked(engine):
    engine.propagate("d", 0)
    revision = label(engine, {"s2": 1})
    with closing(watching(engine, min_revision=revision)) as watch:
        assert watch.changes().revision == revision
    with closing(watching(engine, min_revision=revision + 1)) as watch, pytest.raises(Aborted):
        watch.changes()


def test_limits(engine):
    with pytest.raises(InvalidArgument):
        watching(engine, min_change=1.5)
    with closing(watching(engine)), closing(watching(engine)):
        with pytest.raises(ResourceExhausted) as refusal:
            watching(engine)
        assert (refusal.value.reason, refusal.value.metadata["limit"]) == ("QUEUE_FULL", "2")
    watching(engine).close()
    with pytest.raises(NotFound):
        engine.watch_beliefs("other", 0, min_change=0, changes_only=False, on_news=print)


def test_what_ends_a_watch(engine, monkeypatch):
    told = []
    with closing(watching(engine, on_news=lambda: told.append(1))) as watch:
        watch.changes()
        with monkeypatch.context() as patched:
            patched.setattr("graph_service.engine.dataset.take", lambda *_: 1 / 0)
            label(engine, {"s2": 1})
            with pytest.raises((ZeroDivisionError, PropagationFailed)):
                engine.propagate("d", 0)
            with pytest.raises(PropagationFailed):
                watch.changes()
        engine.propagate("d", 0)
        assert watch.changes() is not None
        told.clear()
        engine.delete_dataset("d")
        assert told
        with pytest.raises(NotFound):
            watch.changes()


def test_the_end_of_the_service_ends_a_watch(engine):
    told = []
    with closing(watching(engine, on_news=lambda: told.append(1))) as watch:
        watch.changes()
        told.clear()
        engine.close()
        assert told
        with pytest.raises(Unavailable) as refusal:
            watch.changes()
        assert refusal.value.reason == "SHUTTING_DOWN"


def test_a_watch_holds_no_snapshot(engine):
    with closing(watching(engine)) as watch:
        watch.changes()
        first = weakref.ref(engine._datasets.get("d").finished())
        engine.propagate("d", label(engine, {"s2": 1}))
        gc.collect()
        assert first() is None


def test_a_lease_is_told_of_and_moves_nothing(engine):
    news = threading.Event()
    with closing(watching(engine, on_news=news.set)) as watch:
        first = watch.changes()
        news.clear()
        terms = LeaseTerms("ann", 60_000, "lease")
        how = {"strategy": Strategy.AUTO, "count": 3, "audit_share": 0, "seed": 0, "exclude": ()}
        lease = engine.suggest_samples("d", first.revision, **how, lease=terms).lease
        assert news.wait(PATIENCE)
        told = watch.changes()
        assert (told.revision, told.sample_ids, told.left) == (lease.revision, [], [])
        assert len(list(told.parts(5))) == 1
        news.clear()
        revision = label(engine, {"s2": 1})
        assert news.wait(PATIENCE)
        told = watch.changes()
        assert (told.revision, "s2" in told.sample_ids) == (revision, True)
