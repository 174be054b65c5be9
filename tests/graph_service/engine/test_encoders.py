"""Moving a dataset to another encoder, through the engine and a real store."""

import threading

import numpy as np
import pytest

from graph_service.engine.engine import Engine
from graph_service.events import DatasetCreated, Propagation, Trust
from vicinal.wire.errors import FailedPrecondition, InvalidArgument, NotFound, ServiceError, Unavailable

OLD, NEW = "0" * 64, "1" * 64
IDS = [f"s{i}" for i in range(9)]
RNG = np.random.default_rng(3)
BEFORE, AFTER = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 6))
HASHES = [bytes([i]) * 32 for i in range(9)]


class Lossy:
    """A store whose logs carry appends out and then, on demand, lose the answer."""

    def __init__(self, store):
        self._store = store
        self.lose = False

    def __getattr__(self, name):
        return getattr(self._store, name)

    def create(self, write):
        receipt, log = self._store.create(write)
        append = log.append

        def lossy(*arguments, **options):
            answer = append(*arguments, **options)
            if self.lose:
                self.lose = False
                raise Unavailable("LOG_UNAVAILABLE", "the answer was lost")
            return answer

        log.append = lossy
        return receipt, log


@pytest.fixture
def lossy(store):
    return Lossy(store)


@pytest.fixture
def engine(lossy):
    engine = Engine(lossy)
    engine.open()
    engine.create_dataset("create", DatasetCreated("d", 4, OLD, ("a", "b"), 3, Propagation()))
    add(engine, "add", IDS, BEFORE, OLD)
    label(engine, "label", *IDS[:4])
    return engine


def add(engine, request, ids, vectors, digest, hashes=()):
    return engine.add_samples(
        "d", request, sample_ids=ids, vectors=vectors, encoder_digest=digest, content_hashes=hashes
    )


def label(engine, request, *ids):
    return engine.add_labels("d", request, [(name, "ann", "ab"[int(name[1:]) % 2], 1) for name in ids])


def stage(engine, request, ids=IDS, vectors=AFTER, digest=NEW, hashes=()):
    return engine.stage_vectors(
        "d", request, sample_ids=ids, vectors=vectors, encoder_digest=digest, content_hashes=hashes
    )


def classify(engine, vectors, digest):
    return engine.classify(
        "d", 0, vectors=vectors, encoder_digest=digest, neighbours=3, include_beliefs=False
    )


def unstaged(engine):
    page, _ = engine.list_samples("d", 0, unstaged_only=True, page_size=100, page_token="")
    return page.sample_ids


def labels(engine):
    page, _ = engine.list_labels("d", 0, page_size=100, page_token="")
    return [(it.sample_id, it.class_name, it.annotator, it.trust) for it in page.labels]


def beliefs(engine, name="d"):
    page, _ = engine.export_beliefs(name, 0, include_beliefs=True, page_size=100, page_token="")
    return page


def test_a_dataset_refuses_vectors_of_another_encoder(engine):
    """Of one dimension with its own, so that nothing but the digest tells them apart."""
    for call in (lambda: add(engine, "r", ["x"], BEFORE[:1], NEW), lambda: classify(engine, BEFORE, NEW)):
        with pytest.raises(FailedPrecondition) as refusal:
            call()
        assert refusal.value.reason == "ENCODER_MISMATCH"
        assert refusal.value.metadata == {"field": "encoder_digest", "expected": OLD, "value": NEW}
    for digest in ("", "xyz"):
        with pytest.raises(ServiceError):
            add(engine, "r", ["x"], BEFORE[:1], digest)
    assert engine.get_dataset("d").sample_count == 9


def test_after_the_change_it_is_as_if_made_with_the_new_encoder(engine):
    stage(engine, "stage", hashes=HASHES)
    change = engine.change_encoder("d", "change", NEW)
    summary = engine.get_dataset("d")
    assert (summary.encoder.digest, summary.encoder.dimension) == (NEW, 6)
    assert (summary.revision, summary.sample_count, summary.verified_label_count) == (change, 9, 4)
    assert (summary.staged_encoder_digest, summary.staged_count) == ("", 0)
    engine.create_dataset("other", DatasetCreated("e", 6, NEW, ("a", "b"), 3, Propagation()))
    engine.add_samples("e", "add", sample_ids=IDS, vectors=AFTER, encoder_digest=NEW, content_hashes=HASHES)
    engine.add_labels(
        "e", "label", [(name, "ann", "ab"[i % 2], Trust.VERIFIED) for i, name in enumerate(IDS[:4])]
    )
    np.testing.assert_allclose(beliefs(engine).beliefs, beliefs(engine, "e").beliefs, atol=1e-6)
    np.testing.assert_array_equal(classify(engine, AFTER, NEW).classes, beliefs(engine, "e").classes)
    page, _ = engine.list_samples("d", 0, unstaged_only=False, page_size=100, page_token="")
    assert (page.sample_ids, page.content_hashes) == (IDS, HASHES)


def test_while_vectors_wait_nothing_else_changes(engine):
    before = beliefs(engine)
    stage(engine, "stage", IDS[:5], AFTER[:5])
    summary = engine.get_dataset("d")
    assert (summary.encoder.digest, summary.staged_encoder_digest, summary.staged_count) == (OLD, NEW, 5)
    np.testing.assert_array_equal(beliefs(engine).beliefs, before.beliefs)
    assert unstaged(engine) == IDS[5:]
    assert add(engine, "more", ["s9"], BEFORE[:1], OLD)
    assert unstaged(engine) == [*IDS[5:], "s9"]
    with pytest.raises(FailedPrecondition) as refusal:
        engine.change_encoder("d", "change", NEW)
    assert refusal.value.reason == "VECTORS_MISSING"
    assert refusal.value.metadata == {"limit": "10", "value": "5"}
    engine.discard_staged_vectors("d", "discard", NEW)
    assert engine.get_dataset("d").staged_count == 0
    assert stage(engine, "third", digest="2" * 64)


def test_a_restart_changes_nothing(engine, store):
    stage(engine, "stage", IDS[:5], AFTER[:5])
    again = Engine(store)
    again.open()
    assert unstaged(again) == IDS[5:]
    stage(again, "rest", IDS[5:], AFTER[5:])
    label(again, "more", "s7")
    again.change_encoder("d", "change", NEW)
    third = Engine(store)
    third.open()
    assert third.get_dataset("d").encoder.digest == NEW
    assert labels(third) == labels(again)
    np.testing.assert_allclose(beliefs(third).beliefs, beliefs(again).beliefs, atol=1e-6)


@pytest.mark.parametrize("lost", ["stage", "change", "discard"])
def test_repeats_after_a_lost_answer_happen_once(engine, lossy, lost):
    calls = {
        "stage": lambda: stage(engine, "stage"),
        "change": lambda: engine.change_encoder("d", "change", NEW),
        "discard": lambda: engine.discard_staged_vectors("d", "discard", NEW),
    }
    if lost != "stage":
        calls["stage"]()
    head = engine.get_dataset("d").revision
    lossy.lose = True
    with pytest.raises(Unavailable):
        calls[lost]()
    assert calls[lost]() == calls[lost]() == head + 1 == engine.get_dataset("d").revision


def test_repeats_of_older_writes_are_answered_after_the_change(engine):
    """Their vectors are of the former encoder and dimension by then."""
    stage(engine, "stage")
    engine.change_encoder("d", "change", NEW)
    assert add(engine, "add", IDS, BEFORE, OLD) == 2
    assert label(engine, "label", *IDS[:4]) == 3
    assert stage(engine, "stage") == 4
    with pytest.raises(FailedPrecondition) as refusal:
        add(engine, "new", ["x"], BEFORE[:1], OLD)
    assert refusal.value.reason == "ENCODER_MISMATCH"


def test_vectors_that_wait_for_their_turn_meanwhile_are_refused(engine):
    """They were right when they came; where both encoders have one dimension nothing else would tell."""
    stage(engine, "stage", vectors=AFTER[:, :4])
    dataset = engine._datasets.get("d")
    outcomes = []

    def late():
        try:
            outcomes.append(add(engine, "late", ["x"], BEFORE[:1], OLD))
        except ServiceError as error:
            outcomes.append(error.reason)

    with dataset._writer._lead:  # nobody commits: the late write queues up behind the change
        change = threading.Thread(target=engine.change_encoder, args=("d", "change", NEW))
        change.start()
        while not dataset._writer._waiting:
            pass
        other = threading.Thread(target=late)
        other.start()
        while len(dataset._writer._waiting) < 2:
            pass
    change.join()
    other.join()
    assert outcomes == ["ENCODER_MISMATCH"]
    assert engine.get_dataset("d").sample_count == 9


def test_pages_of_a_revision_before_the_change_stay(engine):
    first, token = engine.list_labels("d", 0, page_size=3, page_token="")
    stage(engine, "stage")
    engine.change_encoder("d", "change", NEW)
    engine.remove_labels("d", "remove", [("s3", "ann")])
    rest, last = engine.list_labels("d", 0, page_size=3, page_token=token)
    assert [it.sample_id for it in first.labels + rest.labels] == IDS[:4]
    assert (first.revision, first.total_count, rest.revision, last) == (3, 4, 3, "")


def test_labels_are_listed_with_all_that_was_stated(engine):
    engine.add_labels("d", "more", [("s0", "bob", "b", Trust.GIVEN), ("s8", "", "a", Trust.VERIFIED)])
    engine.remove_samples("d", "remove", ["s1"])
    assert sorted(labels(engine)) == sorted(
        [
            ("s0", "a", "ann", Trust.VERIFIED),
            ("s0", "b", "bob", Trust.GIVEN),
            ("s2", "a", "ann", Trust.VERIFIED),
            ("s3", "b", "ann", Trust.VERIFIED),
            ("s8", "a", "", Trust.VERIFIED),
        ]
    )
    assert [it[0] for it in labels(engine)] == ["s0", "s0", "s2", "s3", "s8"]


@pytest.mark.parametrize(
    ("digest", "vectors", "error", "reason", "field"),
    [
        ("", AFTER, InvalidArgument, "FIELD_REQUIRED", "encoder_digest"),
        ("xyz", AFTER, InvalidArgument, "MALFORMED", "encoder_digest"),
        (OLD, AFTER, FailedPrecondition, "ENCODER_MISMATCH", "encoder_digest"),
        (NEW, AFTER[:4], InvalidArgument, "BAD_TENSOR", "vectors.shape"),
        (NEW, AFTER[0], InvalidArgument, "BAD_TENSOR", "vectors.shape"),
        (NEW, AFTER * np.nan, InvalidArgument, "BAD_VECTOR", "vectors[0]"),
        (NEW, np.ones((9, 5000)), InvalidArgument, "OUT_OF_RANGE", "vectors.shape[1]"),
    ],
)
def test_what_cannot_be_staged(engine, digest, vectors, error, reason, field):
    with pytest.raises(error) as refusal:
        stage(engine, "stage", vectors=vectors, digest=digest)
    assert (refusal.value.reason, refusal.value.field) == (reason, field)
    assert engine.get_dataset("d").staged_count == 0


def test_where_there_is_no_dataset(engine):
    for call in (
        lambda: engine.change_encoder("e", "r", NEW),
        lambda: engine.discard_staged_vectors("e", "r", NEW),
        lambda: engine.list_labels("e", 0, page_size=1, page_token=""),
        lambda: engine.list_samples("e", 0, unstaged_only=False, page_size=1, page_token=""),
    ):
        with pytest.raises(NotFound) as refusal:
            call()
        assert refusal.value.reason == "UNKNOWN_DATASET"
