"""Calls side by side: reads see all of a write or nothing of it, and one's own writes."""

import threading
from collections import Counter

import numpy as np
import pytest

from vicinal_client import Aborted, FailedPrecondition, GraphClient, Strategy

BATCH = 7
BATCHES = 25


class Background(threading.Thread):
    """Runs `work(client)` over and over until `stop`; keeps what went wrong."""

    def __init__(self, address, work, stop=None):
        super().__init__()
        self.address, self.work, self.stop, self.turns = address, work, stop, 0
        self.failure = None

    def run(self):
        try:
            with GraphClient(self.address, timeout=60) as client:
                while self.stop is None or not self.stop.is_set():
                    self.work(client)
                    self.turns += 1
                    if self.stop is None:
                        break
        except Exception as error:
            self.failure = error


@pytest.fixture
def service(start_service, tmp_path):
    return start_service("graph_service", "--data-dir", str(tmp_path / "data"))


def write(number):
    """Add labelled batches, see them at once, and take some back."""

    def work(client):
        rng = np.random.default_rng(number)
        for turn in range(BATCHES):
            ids = [f"{number}-{turn}/{i}" for i in range(BATCH)]
            revision = client.add_samples("d", ids, rng.normal(size=(BATCH, 8)))
            client.add_labels("d", {name: "ab"[i % 2] for i, name in enumerate(ids)})
            mine = client.export_beliefs("d", min_revision=revision)
            assert set(ids) <= set(mine.sample_ids)
            if turn % 3 == 0:
                client.remove_samples("d", ids)

    return work


def export(client):
    beliefs = client.export_beliefs("d", include_beliefs=True, page_size=50)
    whole = Counter(name.split("/")[0] for name in beliefs.sample_ids)
    assert set(whole.values()) <= {BATCH, 2}
    sums = beliefs.beliefs.sum(axis=1)
    assert (np.isclose(sums, 1, atol=1e-4) | (sums == 0)).all()


def look(client):
    for strategy in Strategy:
        picks = [pick.sample_id for pick in client.suggest("d", 20, strategy=strategy)]
        assert len(picks) == len(set(picks))
    for flag in client.flag_errors("d", min_suspicion=0):
        assert 0 <= flag.suspicion <= 1
    assert client.classify("d", np.eye(8)).classes.shape == (8,)
    client.propagate("d", include_beliefs=True)


def test_reads_beside_writes(service):
    with GraphClient(service.address) as client:
        client.create_dataset("d", dimension=8, classes=["a", "b"], neighbours=4)
        client.add_samples("d", ["seed/0", "seed/1"], np.eye(2, 8))
        client.add_labels("d", {"seed/0": "a", "seed/1": "b"})
    stop = threading.Event()
    writers = [Background(service.address, write(number)) for number in range(4)]
    readers = [Background(service.address, work, stop) for work in (export, look, look)]
    for thread in writers + readers:
        thread.start()
    for writer in writers:
        writer.join()
    stop.set()
    for thread in writers + readers:
        thread.join()
        assert thread.failure is None, repr(thread.failure)
    assert all(reader.turns for reader in readers)
    assert service.serving()


def test_pages_hold_their_revision(service):
    with GraphClient(service.address) as client:
        client.create_dataset("d", dimension=2, classes=["a", "b"])
        angles = np.linspace(0, 6, 30)
        client.add_samples("d", [f"s{i}" for i in range(30)], np.stack([np.cos(angles), np.sin(angles)], 1))
        pages = client.iter_beliefs("d", page_size=10)
        first = next(pages)
        client.remove_samples("d", ["s15", "s29"])
        rest = list(pages)
        assert {page.revision for page in rest} == {first.revision}
        assert sum(len(page.sample_ids) for page in [first, *rest]) == 30
        # Several listings later the revision is let go.
        pages = client.iter_beliefs("d", page_size=10)
        next(pages)
        for i in range(6):
            client.remove_samples("d", [f"s{i}"])
            next(iter(client.iter_beliefs("d", page_size=5)))
        with pytest.raises(Aborted) as refusal:
            next(pages)
        assert refusal.value.reason == "PAGE_EXPIRED"


def test_an_empty_dataset_answers(service):
    with GraphClient(service.address) as client:
        client.create_dataset("d", dimension=4, classes=["a", "b"])
        for strategy in Strategy:
            assert not len(client.suggest("d", 5, strategy=strategy))
        assert not len(client.flag_errors("d"))
        assert client.classify("d", np.eye(4)).classes.tolist() == [-1] * 4
        assert not len(client.export_beliefs("d", include_beliefs=True).sample_ids)
        with pytest.raises(FailedPrecondition) as refusal:
            client.propagate("d")
        assert refusal.value.reason == "NOTHING_TO_PROPAGATE"
        # One sample has no neighbour; its label reaches nobody, and itself.
        client.add_samples("d", ["only"], np.eye(1, 4))
        client.add_labels("d", {"only": "b"})
        assert client.export_beliefs("d").classes.tolist() == [1]
        client.remove_samples("d", ["only"])
        assert client.get_dataset("d").verified_label_count == 0


def test_a_second_service_takes_over(service, service_at, store_server, tmp_path):
    url = ["--redis-url", store_server.url]
    with service_at(tmp_path / "first", "graph_service", *url) as first:
        with GraphClient(first.address) as client:
            client.create_dataset("d", dimension=4, classes=["a", "b"])
            client.add_samples("d", ["x"], np.eye(1, 4))
        with service_at(tmp_path / "second", "graph_service", *url) as second:
            with GraphClient(second.address) as client:
                client.add_samples("d", ["y"], np.eye(1, 4))
            with GraphClient(first.address) as client, pytest.raises(Aborted) as refusal:
                client.add_samples("d", ["z"], np.eye(1, 4))
            assert refusal.value.reason == "FENCED"
            with GraphClient(second.address) as client:
                assert list(client.export_beliefs("d").sample_ids) == ["x", "y"]
