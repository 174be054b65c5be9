"""Beliefs as they move, over a real socket."""

import threading
import time
from contextlib import closing, suppress

import numpy as np
import pytest

from vicinal_client import GraphClient, NotFound, ResourceExhausted, RetryPolicy, Unavailable

MOST = 64
COUNT = 200


@pytest.fixture(scope="module")
def shared(service_at, tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    with service_at(folder, "graph_service", "--data-dir", str(folder / "data")) as service:
        yield service


@pytest.fixture
def service(start_service, tmp_path):
    """One to be stopped."""
    service = start_service("graph_service", "--data-dir", str(tmp_path / "data"))
    with GraphClient(service.address, timeout=60) as client:
        fill(client)
    return service


@pytest.fixture
def client(shared):
    with GraphClient(shared.address, timeout=60) as client:
        fill(client)
        yield client
        with suppress(NotFound):
            client.delete_dataset("d")


def fill(client):
    client.create_dataset("d", dimension=8, classes=["a", "b"], neighbours=5)
    add(client, [f"s{i}" for i in range(COUNT)])
    client.add_labels("d", {"s0": "a", "s1": "b"})


def add(client, ids):
    return client.add_samples("d", ids, np.random.default_rng(len(ids)).normal(size=(len(ids), 8)))


def exported(client, revision):
    beliefs = client.export_beliefs("d", min_revision=revision)
    assert beliefs.revision == revision
    return held_after({}, beliefs.sample_ids, beliefs.classes, beliefs.confidences)


def held_after(held, ids, classes, confidences):
    return held | dict(zip(ids, zip(classes.tolist(), confidences.tolist(), strict=True), strict=True))


def follow(changes, held, revision):
    """Take in what is told until `revision`; return what is held then, and how many items it took."""
    for items, told in enumerate(changes, 1):
        gone = set(told.left)
        held = {} if told.is_whole else {name: belief for name, belief in held.items() if name not in gone}
        held = held_after(held, told.sample_ids, told.classes, told.confidences)
        if told.revision >= revision:
            assert told.revision == revision
            return held, items
    raise AssertionError("the stream ended")


def test_what_moves_is_told(client):
    """Applied to the first state it gives what an export says, through labels, new samples and removals."""
    with closing(client.watch_beliefs("d", min_change=0)) as changes:
        first = next(changes)
        assert first.is_whole
        assert first.sample_ids == tuple(f"s{i}" for i in range(COUNT))
        held = held_after({}, first.sample_ids, first.classes, first.confidences)
        for write in (
            lambda: client.add_labels("d", {f"s{i}": "ab"[i % 2] for i in range(2, 8)}),
            lambda: add(client, [f"n{i}" for i in range(30)]),
            lambda: client.remove_samples("d", ["s0", "s9", "n3"]),
            lambda: add(client, ["n3", "s0"]),
            lambda: client.remove_labels("d", ["s2"]),
        ):
            revision = write()
            held, _ = follow(changes, held, revision)
            assert held == exported(client, revision)


def test_little_moves_are_passed_over(client):
    with closing(client.watch_beliefs("d", min_change=0.2, changes_only=True)) as changes:
        first = next(changes)
        assert not first.is_whole
        assert not first.sample_ids
        before = exported(client, first.revision)
        revision = client.add_labels("d", {f"s{i}": "b" for i in range(2, 12)})
        after = exported(client, revision)
        told, _ = follow(changes, before, revision)
        assert told != after
        for name, (index, confidence) in after.items():
            assert told[name][0] == index
            assert abs(told[name][1] - confidence) < 0.2 + 1e-6


def test_a_slow_watcher_is_told_of_everything_in_the_end(client):
    with closing(client.watch_beliefs("d", min_change=0)) as changes:
        first = next(changes)
        held = held_after({}, first.sample_ids, first.classes, first.confidences)
        writes = [add(client, [f"{turn}-{i}-{'x' * 200}" for i in range(500)]) for turn in range(8)]
        revision = client.propagate("d").revision
        assert revision == writes[-1]
        held, items = follow(changes, held, revision)
        assert items <= len(writes)
        assert held == exported(client, revision)


def test_a_deleted_dataset_ends_it(client):
    with closing(client.watch_beliefs("d")) as changes:
        next(changes)
        client.delete_dataset("d")
        with pytest.raises(NotFound) as refusal:
            list(changes)
        assert refusal.value.reason == "UNKNOWN_DATASET"
    with pytest.raises(NotFound):
        next(client.watch_beliefs("d"))


def test_many_watchers_leave_room_for_calls_and_for_others_when_they_go(client):
    """They hold no thread while they wait; those who cancel make room."""
    watchers = [client.watch_beliefs("d", changes_only=True) for _ in range(MOST)]
    for watcher in watchers:
        next(watcher)
    with pytest.raises(ResourceExhausted) as refusal:
        next(client.watch_beliefs("d"))
    assert (refusal.value.reason, refusal.value.metadata["limit"]) == ("QUEUE_FULL", str(MOST))
    assert client.get_dataset("d").sample_count == COUNT
    assert len(client.suggest("d", 5)) == 5
    revision = client.add_labels("d", {"s5": "a"})
    assert all(next(watcher).revision == revision for watcher in watchers)
    for watcher in watchers:
        watcher.close()
    deadline = time.monotonic() + 30
    while True:
        with suppress(ResourceExhausted), closing(client.watch_beliefs("d")) as changes:
            assert next(changes).revision == revision
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_stop_of_the_service_ends_it(service):
    with (
        GraphClient(service.address, retry=RetryPolicy(attempts=1)) as client,
        closing(client.watch_beliefs("d")) as changes,
    ):
        next(changes)
        assert service.stop() == 0
        with pytest.raises(Unavailable) as ended:
            next(changes)
        assert ended.value.reason == "SHUTTING_DOWN"


def test_a_watch_goes_on_after_a_restart(service, patient):
    with (
        GraphClient(service.address, timeout=60, retry=patient) as other,
        closing(other.watch_beliefs("d", min_change=0, changes_only=True)) as changes,
    ):
        next(changes)
        service.kill()
        restart = threading.Thread(target=service.start)
        restart.start()
        again = next(changes)
        restart.join()
        assert again.is_whole
        assert held_after({}, again.sample_ids, again.classes, again.confidences) == exported(
            other, again.revision
        )
        revision = other.add_labels("d", {"s7": "a"})
        assert next(changes).revision == revision
