"""What every store must do, on every kind of server."""

import itertools
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph_service.events import (
    DatasetCreated,
    DatasetUpdated,
    EncoderChanged,
    LabelsAdded,
    LabelsRemoved,
    Method,
    Propagation,
    SamplesAdded,
    SamplesRemoved,
    Trust,
    VectorsDiscarded,
    VectorsStaged,
)
from graph_service.log.base import Entry, Receipt, Write
from graph_service.log.redis_store import RedisStore
from vicinal.wire.errors import Aborted, AlreadyExists, InvalidArgument, NotFound, Unavailable

CREATED = DatasetCreated("cats", 3, "ab" * 32, ("cat", "dög"), 10, Propagation())
SAMPLES = SamplesAdded(("a", "b"), np.eye(2, 3, dtype=np.float16), (b"", b"h" * 32))
ONE_OF_EACH = [
    CREATED,
    SAMPLES,
    LabelsAdded(("a", "b"), ("ann", "ann"), (0, 1), (Trust.VERIFIED, Trust.GIVEN)),
    LabelsRemoved(("a",), ("ann",)),
    DatasetUpdated(Method.PAPER, None, 5, ("mouse",)),
    SamplesRemoved(("b",)),
    VectorsStaged("cd" * 32, ("a",), np.eye(1, 5, dtype=np.float16), (b"",)),
    VectorsDiscarded("cd" * 32),
    EncoderChanged("cd" * 32),
]


def label(sample, class_index=0):
    return LabelsAdded((sample,), ("ann",), (class_index,), (Trust.VERIFIED,))


def labelling(number):
    return Write(f"request-{number}", label(f"sample-{number}"))


def plain(entry):
    """Entries hold arrays, which `==` does not compare."""
    event = entry.event
    if isinstance(event, SamplesAdded | VectorsStaged):
        event = (type(event), event.ids, event.vectors.tolist(), event.content_hashes)
    return entry.revision, entry.request_id, event


def entries(log, after=0):
    return [plain(entry) for entry in log.read(after)]


@pytest.fixture
def log(store):
    return store.create(Write("create", CREATED))[1]


def test_every_kind_of_event_comes_back(store):
    receipt, log = store.create(Write("r0", CREATED))
    rest = [Write(f"r{i}", event) for i, event in enumerate(ONE_OF_EACH[1:], start=1)]
    receipts = log.append(rest)
    assert [receipt, *receipts] == [Receipt(revision, False) for revision in range(1, len(ONE_OF_EACH) + 1)]
    expected = [plain(Entry(i + 1, f"r{i}", event)) for i, event in enumerate(ONE_OF_EACH)]
    assert entries(log) == entries(store.open("cats")) == expected
    assert log.head() == len(ONE_OF_EACH)
    assert log.name == "cats"


@pytest.mark.parametrize("after", [0, 1, 999, 2499, 2500, 2501, 10**9])
def test_reading_begins_after_a_revision(log, after):
    log.append([labelling(number) for number in range(2, 2501)])
    assert [entry.revision for entry in log.read(after)] == list(range(after + 1, 2501))


def test_large_entries_are_read_in_several_parts(log):
    vectors = np.random.default_rng(0).standard_normal((1000, 512)).astype(np.float16)
    ids = tuple(f"s{i}" for i in range(1000))
    big = SamplesAdded(ids, vectors, (b"",) * 1000)
    for i in range(20):
        log.append([Write(f"big-{i}", big)])
    read = list(log.read(1))
    assert [entry.revision for entry in read] == list(range(2, 22))
    assert all(np.array_equal(entry.event.vectors, vectors) for entry in read)


def test_appending_nothing_is_nothing(log):
    assert log.append([]) == []
    assert log.head() == 1


def test_a_repeated_request_gets_the_first_answer(log):
    first = log.append([labelling(1), labelling(2)])
    again = log.append([labelling(2), labelling(3), labelling(1)])
    assert first == [Receipt(2, False), Receipt(3, False)]
    assert again == [Receipt(3, True), Receipt(4, False), Receipt(2, True)]
    assert log.head() == 4


def test_a_request_id_used_again_for_another_event_is_refused_alone(log):
    log.append([labelling(1)])
    before, refused, after = log.append([labelling(2), Write("request-1", label("other")), labelling(3)])
    assert (before, after) == (Receipt(3, False), Receipt(4, False))
    assert isinstance(refused, InvalidArgument)
    assert (refused.reason, refused.field) == ("REQUEST_ID_REUSED", "request_id")
    assert refused.metadata["value"] == "request-1"


def test_a_group_may_repeat_itself(log):
    outcomes = log.append([labelling(1), labelling(1), Write("request-1", label("other"))])
    assert outcomes[:2] == [Receipt(2, False), Receipt(2, True)]
    assert outcomes[2].reason == "REQUEST_ID_REUSED"


def test_find_tells_new_known_and_reused_requests(log):
    assert log.find(labelling(1)) is None
    log.append([labelling(1)])
    assert log.find(labelling(1)) == Receipt(2, True)
    assert log.find(Write("create", CREATED)) == Receipt(1, True)
    with pytest.raises(InvalidArgument) as refusal:
        log.find(Write("request-1", label("other")))
    assert refusal.value.reason == "REQUEST_ID_REUSED"


def test_request_ids_belong_to_their_dataset(store, log):
    _, other = store.create(Write("create", replace(CREATED, name="other")))
    log.append([labelling(1)])
    assert other.append([Write("request-1", label("other"))]) == [Receipt(2, False)]


@pytest.mark.parametrize("request_id", ["x" * 128, "naïve ☃ {id}", "a:b:c", "2-0"])
def test_request_ids_of_any_shape(log, request_id):
    assert log.append([Write(request_id, label("a"))]) == [Receipt(2, False)]
    assert [entry.request_id for entry in log.read(1)] == [request_id]


def test_an_append_after_the_expected_head_goes_through(log):
    assert log.append([labelling(1), labelling(2)], after=1) == [Receipt(2, False), Receipt(3, False)]
    assert log.append([labelling(3)], after=3) == [Receipt(4, False)]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_append_checked_against_another_head_changes_nothing(log, after):
    log.append([labelling(1)])
    with pytest.raises(Unavailable) as refusal:
        log.append([labelling(2)], after=after)
    assert refusal.value.reason == "LOG_UNAVAILABLE"
    assert refusal.value.retry_after is not None
    assert log.head() == 2
    assert log.find(labelling(2)) is None


def test_opening_fences_off_the_earlier_writer(store, log):
    log.append([labelling(1)])
    later = store.open("cats")
    for writes in ([labelling(2)], [labelling(1)]):
        with pytest.raises(Aborted) as refusal:
            log.append(writes)
        assert refusal.value.reason == "FENCED"
    assert later.append([labelling(2)]) == [Receipt(3, False)]
    assert entries(log) == entries(later)


def test_fencing_holds_across_stores(store_url, store, log):
    with closing(RedisStore.connect(store_url)) as other:
        later = other.open("cats")
        with pytest.raises(Aborted, match="another service"):
            log.append([labelling(1)])
        assert later.append([labelling(1)]) == [Receipt(2, False)]


def test_names_are_in_order_and_empty_at_first(store):
    assert store.names() == []
    for name in ("b", "a.1", "B-2"):
        store.create(Write("create", replace(CREATED, name=name)))
    assert store.names() == ["B-2", "a.1", "b"]


def test_creating_again_is_refused(store, log):
    with pytest.raises(AlreadyExists) as refusal:
        store.create(Write("another", CREATED))
    assert refusal.value.reason == "DATASET_EXISTS"
    assert refusal.value.metadata == {"field": "name", "value": "cats"}
    assert log.append([labelling(1)]) == [Receipt(2, False)]


def test_a_repeated_create_gets_the_first_answer_and_fences_nobody_off(store, log):
    receipt, same = store.create(Write("create", CREATED))
    assert receipt == Receipt(1, True)
    assert log.append([labelling(1)]) == [Receipt(2, False)]
    assert same.append([labelling(2)]) == [Receipt(3, False)]
    with pytest.raises(InvalidArgument) as refusal:
        store.create(Write("create", replace(CREATED, dimension=4)))
    assert refusal.value.reason == "REQUEST_ID_REUSED"


def test_a_create_repeated_elsewhere_opens_the_log(store_url, log):
    with closing(RedisStore.connect(store_url)) as other:
        receipt, later = other.create(Write("create", CREATED))
        assert receipt == Receipt(1, True)
        assert later.append([labelling(1)]) == [Receipt(2, False)]


def test_creates_side_by_side_make_one_dataset(store_url):
    with closing(RedisStore.connect(store_url)) as one, closing(RedisStore.connect(store_url)) as two:

        def create(number):
            try:
                return (one, two)[number % 2].create(Write(f"create-{number % 4}", CREATED))[0]
            except AlreadyExists as error:
                return error.reason

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(create, range(16)))
        assert answers.count(Receipt(1, False)) == 1
        assert answers.count(Receipt(1, True)) == 3
        assert answers.count("DATASET_EXISTS") == 12
        assert [entry.revision for entry in one.open("cats").read(0)] == [1]


def test_only_a_creation_creates(store):
    with pytest.raises(TypeError, match="SamplesRemoved"):
        store.create(Write("create", SamplesRemoved(("a",))))


def test_an_unknown_dataset_is_not_found(store):
    for attempt in (store.open, store.delete):
        with pytest.raises(NotFound) as refusal:
            attempt("dogs")
        assert refusal.value.reason == "UNKNOWN_DATASET"
        assert refusal.value.metadata == {"field": "dataset", "value": "dogs"}


def test_a_deleted_dataset_is_gone_and_its_writer_fenced(store, log):
    log.append([labelling(1)])
    store.delete("cats")
    assert store.names() == []
    with pytest.raises(NotFound):
        store.delete("cats")
    with pytest.raises(NotFound):
        store.open("cats")
    with pytest.raises(Aborted) as refusal:
        log.append([labelling(2)])
    assert refusal.value.reason == "FENCED"
    assert (log.head(), entries(log)) == (0, [])


def test_a_name_used_again_starts_fresh(store, log):
    log.append([labelling(1)])
    store.delete("cats")
    receipt, fresh = store.create(Write("create", replace(CREATED, dimension=4)))
    assert receipt == Receipt(1, False)
    assert fresh.find(labelling(1)) is None
    assert fresh.append([labelling(1)]) == [Receipt(2, False)]
    assert next(fresh.read(0)).event.dimension == 4
    with pytest.raises(Aborted):
        log.append([labelling(3)])


def test_appenders_side_by_side_get_every_revision_once(log):
    def append(worker):
        groups = [[labelling(f"{worker}-{i}-{j}") for j in range(1 + i % 3)] for i in range(25)]
        return [
            (write.request_id, receipt.revision)
            for group in groups
            for write, receipt in zip(group, log.append(group), strict=True)
        ]

    with ThreadPoolExecutor(8) as pool:
        acknowledged = list(itertools.chain.from_iterable(pool.map(append, range(8))))
    assert sorted(revision for _, revision in acknowledged) == list(range(2, len(acknowledged) + 2))
    assert {(entry.request_id, entry.revision) for entry in log.read(1)} == set(acknowledged)


OPERATIONS = st.lists(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab")), min_size=1, max_size=4), max_size=8
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(OPERATIONS)
def test_groups_of_new_repeated_and_reused_writes_follow_the_model(store, groups):
    if "cats" in store.names():
        store.delete("cats")
    _, log = store.create(Write("create", CREATED))
    known, model = {}, []
    for group in groups:
        outcomes = log.append([Write(str(number), label(sample)) for number, sample in group])
        for (number, sample), outcome in zip(group, outcomes, strict=True):
            if number not in known:
                model.append((len(model) + 2, str(number), label(sample)))
                known[number] = (len(model) + 1, sample)
                assert outcome == Receipt(len(model) + 1, False)
            elif known[number][1] == sample:
                assert outcome == Receipt(known[number][0], True)
            else:
                assert outcome.reason == "REQUEST_ID_REUSED"
    assert entries(log, after=1) == model


def test_the_log_outlives_its_server(store_server, store, log):
    log.append([labelling(1)])
    store_server.crash()
    assert log.head() == 2
    assert log.append([labelling(1), labelling(2)]) == [Receipt(2, True), Receipt(3, False)]
    assert store.names() == ["cats"]
    with pytest.raises(Aborted):
        store.open("cats") and log.append([labelling(3)])


def test_a_server_that_is_away_is_unavailable(store_server, store, log):
    store_server.stop()
    attempts = [
        store.ping,
        store.names,
        log.head,
        lambda: store.create(Write("create", CREATED)),
        lambda: store.open("cats"),
        lambda: store.delete("cats"),
        lambda: log.append([labelling(1)]),
        lambda: log.find(labelling(1)),
        lambda: next(log.read(0)),
        lambda: RedisStore.connect(store_server.url),
    ]
    for attempt in attempts:
        with pytest.raises(Unavailable) as refusal:
            attempt()
        assert refusal.value.reason == "LOG_UNAVAILABLE"
        assert refusal.value.retry_after > 0


def test_an_append_that_arrives_late_cannot_slip_between_check_and_append(store_server, store):
    """The server hangs, the append times out, and is carried out when the server comes round."""
    store.create(Write("create", CREATED))
    with closing(RedisStore.connect(store_server.url, timeout=0.3)) as hasty:
        log = hasty.open("cats")
        log.append([labelling(1)], after=1)
        os.kill(store_server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable) as refusal:
                log.append([labelling(2)], after=2)
        finally:
            os.kill(store_server.pid, signal.SIGCONT)
        assert refusal.value.reason == "LOG_UNAVAILABLE"
        while log.head() < 3:
            time.sleep(0.01)
        with pytest.raises(Unavailable, match="revision 3, not 2"):
            log.append([labelling(3)], after=2)
        assert entries(log, after=2) == [(3, "request-2", labelling(2).event)]
        assert log.append([labelling(2), labelling(3)], after=3) == [Receipt(3, True), Receipt(4, False)]


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(store_server, store, log):
    acknowledged, failures, stopping = {}, itertools.count(), threading.Event()

    def append(worker):
        for number in itertools.count():
            if stopping.is_set():
                return
            write = labelling(f"{worker}-{number}")
            while True:
                try:
                    (receipt,) = log.append([write])
                    break
                except Unavailable:
                    next(failures)
                    time.sleep(0.01)
            acknowledged[write.request_id] = receipt.revision

    rng = random.Random(0)
    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(append, worker) for worker in range(4)]
        for _ in range(5):
            time.sleep(rng.uniform(0.05, 0.3))
            store_server.crash()
        time.sleep(0.1)
        stopping.set()
        for worker in workers:
            worker.result()
    read = {entry.request_id: entry.revision for entry in log.read(1)}
    assert read == acknowledged
    assert sorted(read.values()) == list(range(2, len(read) + 2))
    assert next(failures) > 0, "no append was under way at any kill"
