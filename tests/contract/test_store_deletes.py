"""What a delete takes away, on every kind of server: the dataset its store had opened, and no other."""

import os
import signal
import time
from contextlib import closing
from dataclasses import replace

import pytest

from graph_service.events import DatasetCreated, LabelsAdded, Propagation, Trust
from graph_service.log.base import Receipt, Write
from graph_service.log.redis_store import RedisStore
from vicinal.wire.errors import Aborted, NotFound, Unavailable

CREATED = DatasetCreated("cats", 3, "ab" * 32, ("cat", "dog"), 10, Propagation())


def labelling(number):
    return Write(f"request-{number}", LabelsAdded((f"s{number}",), ("ann",), (0,), (Trust.VERIFIED,)))


def await_(condition, patience=30):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.01)


@pytest.fixture
def log(store):
    return store.create(Write("create", CREATED))[1]


def test_a_store_fenced_off_cannot_delete(store_url, store, log):
    with closing(RedisStore.connect(store_url)) as other:
        later = other.open("cats")
        later.append([labelling(1)])
        for _ in range(2):
            with pytest.raises(Aborted, match="another service") as refusal:
                store.delete("cats")
            assert refusal.value.reason == "FENCED"
        assert store.names() == ["cats"]
        assert later.append([labelling(2)]) == [Receipt(3, False)]
        other.delete("cats")
    with pytest.raises(NotFound):
        store.delete("cats")


def test_a_store_cannot_delete_what_another_made_under_the_same_name(store_url, store, log):
    with closing(RedisStore.connect(store_url)) as other:
        other.delete("cats")  # it never opened it: it does so now
        _, later = other.create(Write("create", CREATED))
        assert later.uid != log.uid
        with pytest.raises(Aborted) as refusal:
            store.delete("cats")
        assert refusal.value.reason == "FENCED"
        assert later.append([labelling(1)]) == [Receipt(2, False)]
        store.open("cats")
        store.delete("cats")
        assert other.names() == []


def test_a_create_repeated_after_another_made_the_dataset_again_opens_the_new_one(store_url, store, log):
    with closing(RedisStore.connect(store_url)) as other:
        other.delete("cats")
        _, later = other.create(Write("create", CREATED))
        receipt, log = store.create(Write("create", CREATED))
        assert (receipt, log.uid) == (Receipt(1, True), later.uid)
        assert log.append([labelling(1)]) == [Receipt(2, False)]


def test_a_delete_of_unknown_fate_may_be_repeated(store_server, store, log):
    """The server hangs, the delete times out, and is carried out when the server comes round."""
    with closing(RedisStore.connect(store_server.url, timeout=0.3)) as hasty:
        hasty.create(Write("create", replace(CREATED, name="dogs")))
        hasty.delete("dogs")  # so that the server knows the script
        hasty.open("cats")
        os.kill(store_server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                hasty.delete("cats")
        finally:
            os.kill(store_server.pid, signal.SIGCONT)
        await_(lambda: store.names() == [])
        _, log = store.create(Write("create", CREATED))
        with pytest.raises(Aborted) as refusal:
            hasty.delete("cats")
        assert refusal.value.reason == "FENCED"
        assert log.append([labelling(1)]) == [Receipt(2, False)]


def test_the_uid_tells_datasets_of_one_name_apart(store, log):
    assert store.open("cats").uid == log.uid
    store.delete("cats")
    assert store.create(Write("create", CREATED))[1].uid != log.uid
