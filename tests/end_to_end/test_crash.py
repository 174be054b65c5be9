"""kill -9 at random moments under four writers: what was acknowledged is there, and once.

Each round lets the writers work for a moment, kills the service (or the store) and brings it back; the
writers go on by repeating what failed. VICINAL_CRASH_ROUNDS sets the number of rounds (`make test-crash`:
50).
"""

import os
import random
import threading
import time

import numpy as np
import pytest

from vicinal_client import GraphClient, Trust

ROUNDS = int(os.environ.get("VICINAL_CRASH_ROUNDS", "5"))
WRITERS = 4
CLASSES = ["a", "b", "c"]

pytestmark = [pytest.mark.crash, pytest.mark.timeout(60 + 20 * ROUNDS)]


class Writer(threading.Thread):
    """Adds samples, labels them, removes a few; keeps what was acknowledged."""

    def __init__(self, number, address, patient, stop):
        super().__init__(name=f"writer-{number}")
        self.number = number
        self.client = GraphClient(address, timeout=120, retry=patient)
        self.stop = stop
        self.samples: dict[str, np.ndarray] = {}
        self.labels: dict[tuple[str, str], tuple[str, Trust]] = {}
        self.revisions: list[int] = []
        self.failure: Exception | None = None

    def run(self):
        rng = np.random.default_rng(self.number)
        try:
            with self.client:
                turn = 0
                while not self.stop.is_set():
                    self.take_turn(turn, rng)
                    turn += 1
        except Exception as error:
            self.failure = error

    def take_turn(self, turn, rng):
        ids = [f"w{self.number}-{turn}-{i}" for i in range(3)]
        kinds = rng.integers(0, 3, 3)
        vectors = (np.eye(3, 8)[kinds] + 0.3 * rng.normal(size=(3, 8))).astype(np.float32)
        self.revisions.append(self.client.add_samples("d", ids, vectors))
        self.samples |= dict(zip(ids, vectors, strict=True))
        who = f"annotator{self.number}"
        trust = Trust.VERIFIED if turn % 3 else Trust.GIVEN
        given = {sample: CLASSES[kind] for sample, kind in zip(ids[:2], kinds, strict=False)}
        self.revisions.append(self.client.add_labels("d", given, annotator=who, trust=trust))
        self.labels |= {(sample, who): (name, trust) for sample, name in given.items()}
        if turn % 5 == 4:
            self.revisions.append(self.client.remove_samples("d", [ids[0]]))
            del self.samples[ids[0]], self.labels[ids[0], who]


def work_through(rounds, address, patient, crash):
    """Run the writers through `rounds` crashes; return them."""
    with GraphClient(address, timeout=120, retry=patient) as client:
        client.create_dataset("d", dimension=8, classes=CLASSES, neighbours=5)
    stop = threading.Event()
    writers = [Writer(number, address, patient, stop) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    moments = random.Random(11)
    for _ in range(rounds):
        time.sleep(moments.uniform(0.02, 0.5))
        crash()
    time.sleep(0.2)
    stop.set()
    for writer in writers:
        writer.join()
        assert writer.failure is None, writer.failure
    return writers


def check(writers, address, undisturbed):
    """Compare what the writers were told with what there is, and with a run that nothing disturbed."""
    samples = {key: value for writer in writers for key, value in writer.samples.items()}
    labels = {key: value for writer in writers for key, value in writer.labels.items()}
    revisions = [revision for writer in writers for revision in writer.revisions]
    with GraphClient(address) as client, GraphClient(undisturbed) as other:
        dataset = client.get_dataset("d")
        # One revision a write: nothing happened twice, and nothing else happened.
        assert sorted(revisions) == list(range(2, dataset.revision + 1))
        found = client.export_beliefs("d", include_beliefs=True)
        assert sorted(found.sample_ids) == sorted(samples)
        trusts = [trust for _, trust in labels.values()]
        assert dataset.verified_label_count == trusts.count(Trust.VERIFIED)
        assert dataset.given_label_count == trusts.count(Trust.GIVEN)

        other.create_dataset("d", dimension=8, classes=CLASSES, neighbours=5)
        ids = list(found.sample_ids)
        other.add_samples("d", ids, np.stack([samples[name] for name in ids]))
        for trust in Trust:
            for who in {who for _, who in labels}:
                mine = {s: n for (s, w), (n, t) in labels.items() if w == who and t is trust}
                if mine:
                    other.add_labels("d", mine, annotator=who, trust=trust)
        expected = other.export_beliefs("d", include_beliefs=True)
        assert list(expected.sample_ids) == ids
        np.testing.assert_array_equal(found.classes, expected.classes)
        np.testing.assert_allclose(found.beliefs, expected.beliefs, atol=1e-5)


def test_kill_the_service(start_service, service_at, store_server, tmp_path, patient):
    service = start_service("graph_service", "--redis-url", store_server.url)

    def crash():
        service.kill()
        service.start()

    writers = work_through(ROUNDS, service.address, patient, crash)
    with service_at(tmp_path / "other", "graph_service", "--data-dir", str(tmp_path / "calm")) as other:
        check(writers, service.address, other.address)


def test_kill_the_store(start_service, service_at, store_server, tmp_path, patient):
    service = start_service("graph_service", "--redis-url", store_server.url)
    writers = work_through(ROUNDS, service.address, patient, store_server.crash)
    with service_at(tmp_path / "other", "graph_service", "--data-dir", str(tmp_path / "calm")) as other:
        check(writers, service.address, other.address)
    # And what it holds survives a restart of the service.
    service.kill()
    service.start()
    with GraphClient(service.address) as client:
        assert client.get_dataset("d").sample_count == sum(len(writer.samples) for writer in writers)


def test_kill_a_service_with_its_embedded_store(start_service, service_at, tmp_path, patient):
    """The orphaned store of a killed service gives way to that of the next one."""
    service = start_service("graph_service", "--data-dir", str(tmp_path / "data"))

    def crash():
        service.kill()
        service.start()

    writers = work_through(min(ROUNDS, 5), service.address, patient, crash)
    with service_at(tmp_path / "other", "graph_service", "--data-dir", str(tmp_path / "calm")) as other:
        check(writers, service.address, other.address)
