"""Creates and deletes whose answers were lost leave nothing behind that a later call does not mend."""

import numpy as np
import pytest

from graph_service.engine.answers.flags import Cut
from graph_service.engine.engine import Engine
from graph_service.engine.revision.rankings import FlagKind
from graph_service.events import DatasetCreated, Propagation
from graph_service.suggestion.strategies import Strategy
from vicinal.wire.errors import AlreadyExists, DataLoss, NotFound, ServiceError, Unavailable

CREATED = DatasetCreated("d", 2, "", ("a", "b"), 3, Propagation())


class Lossy:
    """A store that carries calls out and then, on demand, loses the answer."""

    def __init__(self, store):
        self._store = store
        self.lose = False

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def call(*arguments):
            answer = method(*arguments)
            if self.lose:
                self.lose = False
                raise Unavailable("LOG_UNAVAILABLE", "the answer was lost")
            return answer

        return call


@pytest.fixture
def lossy(store):
    return Lossy(store)


@pytest.fixture
def engine(lossy):
    engine = Engine(lossy)
    engine.open()
    return engine


def add(engine, *ids):
    vectors = np.random.default_rng(0).normal(size=(len(ids), 2))
    return engine.add_samples(
        "d", f"add {ids}", sample_ids=ids, vectors=vectors, encoder_digest="", content_hashes=()
    )


def test_a_create_whose_answer_was_lost(engine, lossy):
    lossy.lose = True
    with pytest.raises(Unavailable):
        engine.create_dataset("one", CREATED)
    with pytest.raises(AlreadyExists):
        engine.create_dataset("two", CREATED)
    assert [summary.created.name for summary in engine.list_datasets()] == ["d"]
    assert add(engine, "x") == 2


def test_a_delete_whose_answer_was_lost(engine, lossy):
    engine.create_dataset("one", CREATED)
    lossy.lose = True
    with pytest.raises(Unavailable):
        engine.delete_dataset("d")
    with pytest.raises(NotFound):
        engine.delete_dataset("d")
    assert engine.list_datasets() == []
    engine.create_dataset("two", CREATED)
    assert add(engine, "x") == 2
    assert engine.trouble() is None


def test_made_again_after_a_delete_whose_answer_was_lost(engine, lossy):
    engine.create_dataset("one", CREATED)
    add(engine, "old")
    lossy.lose = True
    with pytest.raises(Unavailable):
        engine.delete_dataset("d")
    assert engine.create_dataset("two", CREATED).sample_count == 0
    add(engine, "new")
    assert engine.get_dataset("d").sample_count == 1
    assert engine.trouble() is None


def test_before_it_is_open_and_after_it_is_closed(store):
    engine = Engine(store)
    with pytest.raises(Unavailable) as refusal:
        engine.list_datasets()
    assert refusal.value.reason == "STARTING"
    engine.open()
    engine.close()
    with pytest.raises(Unavailable) as refusal:
        engine.create_dataset("one", CREATED)
    assert refusal.value.reason == "SHUTTING_DOWN"


def test_a_page_token_is_for_one_dataset(engine):
    for name in ("d", "e"):
        engine.create_dataset(name, DatasetCreated(name, 2, "", ("a", "b"), 3, Propagation()))
        engine.add_samples(
            name, "r", sample_ids=["x", "y"], vectors=np.eye(2), encoder_digest="", content_hashes=()
        )
    _, token = engine.export_beliefs("d", 0, include_beliefs=False, page_size=1, page_token="")
    with pytest.raises(ServiceError) as refusal:
        engine.export_beliefs("e", 0, include_beliefs=False, page_size=1, page_token=token)
    assert refusal.value.reason == "BAD_PAGE_TOKEN"
    page, _ = engine.export_beliefs("d", 0, include_beliefs=False, page_size=1, page_token=token)
    assert page.sample_ids == ["y"]


def test_what_is_random_outlasts_a_restart(engine, store):
    """Slots are dealt out anew when the log is replayed; no answer may show it."""
    engine.create_dataset("one", CREATED)
    ids = [f"s{i}" for i in range(60)]
    angles = np.random.default_rng(1).uniform(0, 6.28, 60)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for part in (slice(0, 30), slice(30, 60)):
        engine.add_samples(
            "d",
            f"add {part}",
            sample_ids=ids[part],
            vectors=vectors[part],
            encoder_digest="",
            content_hashes=(),
        )
        engine.remove_samples("d", f"remove {part}", ids[part][3:9])
    kept = [name for name in ids if name not in ids[3:9] + ids[33:39]]
    labels = [(name, "", "ab"[i % 2], 1) for i, name in enumerate(kept[:20])]
    engine.add_labels("d", "label", labels)

    def answers(engine):
        picks = {
            strategy: [
                item.sample_id
                for item in engine.suggest_samples(
                    "d", 0, strategy=strategy, count=20, audit_share=0, seed=5, exclude=()
                ).items
            ]
            for strategy in (Strategy.RANDOM, Strategy.MARGIN)
        }
        flags, _ = engine.flag_errors(
            "d",
            0,
            kind=FlagKind.WRONG_LABEL,
            cut=Cut(min_suspicion=0),
            evidence_count=0,
            page_size=100,
            page_token="",
        )
        return picks, {flag.sample_id: round(flag.suspicion, 4) for flag in flags.items}

    before = answers(engine)
    again = Engine(store)
    again.open()
    assert answers(again) == before


def test_a_store_that_lost_data_is_trouble(engine):
    engine.create_dataset("one", CREATED)
    add(engine, "x", "y")
    dataset = engine._datasets.get("d")
    dataset._behind = True
    dataset._log.head = lambda: 1
    with pytest.raises(DataLoss):
        engine.remove_samples("d", "r", ["x"])
    assert "lost data" in engine.trouble()
