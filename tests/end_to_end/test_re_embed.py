"""`vicinal re-embed` on real services: two real encoders; kill -9 on the way; people who go on labelling."""

import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from types import SimpleNamespace

import numpy as np
import onnx
import pytest

from embed_service.starter import STARTER_ENCODER
from vicinal_cli.demo.sample import unpack
from vicinal_client import FailedPrecondition, GraphClient, Label, LabelKey, RetryPolicy, Trust, VicinalError

CLASSES = ["a", "b", "c"]
OLD, NEW = "0" * 64, "1" * 64
PARTS, PART = 3, 1000
ROUNDS = int(os.environ.get("VICINAL_CRASH_ROUNDS", "4"))
IDS = [f"s{i:04}" for i in range(PARTS * PART)]
TRUTH = np.arange(len(IDS)) % 3


def vectors(digest, dimension):
    """Three clusters, placed by the encoder."""
    rng = np.random.default_rng(int(digest[0]))
    found = rng.normal(size=(3, dimension))[TRUTH] + 0.5 * rng.normal(size=(len(IDS), dimension))
    return found.astype(np.float32)


BEFORE, AFTER = vectors(OLD, 12), vectors(NEW, 16)


def command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "vicinal_cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def done(*arguments, fails=False, **options):
    process = command(*arguments, **options)
    said, _ = process.communicate(timeout=180)
    assert process.returncode == (1 if fails else 0), said
    return said


class Annotator(threading.Thread):
    """Labels, changes its mind and takes labels back, patiently; keeps what was acknowledged.

    It rests between two turns: what else is under way shares the cores with it.
    """

    def __init__(self, number, address, patient):
        super().__init__(name=f"annotator-{number}")
        self.name_there = f"annotator{number}"
        self.client = GraphClient(address, timeout=120, retry=patient)
        self.stated: dict[str, tuple[str, Trust]] = {}
        self.revisions: list[int] = []
        self.stop = threading.Event()
        self.failure: Exception | None = None
        self.random = random.Random(number)

    def run(self):
        try:
            with self.client:
                while not self.stop.wait(0.005):
                    self.take_turn()
        except Exception as error:
            self.failure = error

    def take_turn(self):
        sample = self.random.choice(IDS)
        if sample in self.stated and self.random.random() < 0.5:
            key = LabelKey(sample, self.name_there)
            self.revisions.append(self.client.remove_labels("d", [key]))
            del self.stated[sample]
            return
        name, trust = self.random.choice(CLASSES), self.random.choice(list(Trust))
        label = Label(sample, name, self.name_there, trust)
        self.revisions.append(self.client.add_labels("d", [label]))
        self.stated[sample] = name, trust

    def end(self):
        self.stop.set()
        self.join()
        assert self.failure is None, self.failure


def labels_in(client):
    """(sample, annotator) → (class, trust); no label stands twice."""
    listed = client.list_labels("d").labels
    found = {(one.sample_id, one.annotator): (one.class_name, one.trust) for one in listed}
    assert len(found) == len(listed)
    return found


def made(address):
    with GraphClient(address, timeout=60) as client:
        client.create_dataset("d", dimension=12, classes=CLASSES, encoder_digest=OLD, neighbours=5)
        client.add_samples("d", IDS, BEFORE, encoder_digest=OLD)
        first = {name: CLASSES[kind] for name, kind in zip(IDS[:30], TRUTH, strict=False)}
        client.add_labels("d", first, annotator="first")
    return {(name, "first"): (kind, Trust.VERIFIED) for name, kind in first.items()}


def staged_beyond(client, count, process):
    """Wait until so many vectors are staged, or the command is over."""
    while process.poll() is None:
        try:
            if client.get_dataset("d").staged_count >= count:
                return
        except VicinalError:
            pass
        time.sleep(0.005)


@pytest.mark.crash
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("victim", "store_server"),
    [("command", "embedded"), ("service", "redis-server"), ("store", "embedded")],
    indirect=["store_server"],
)
def test_killed_on_the_way_it_goes_on_and_nothing_is_lost(
    start_service, store_server, tmp_path, patient, victim
):
    service = start_service("graph_service", "--redis-url", store_server.url)
    labels = made(service.address)
    np.savez(tmp_path / "new.npz", ids=IDS, vectors=AFTER, encoder_digest=NEW)
    arguments = ("re-embed", tmp_path / "new.npz", "-d", "d", "--graph", service.address)
    annotators = [Annotator(number, service.address, patient) for number in range(2)]
    for annotator in annotators:
        annotator.start()
    with GraphClient(service.address, timeout=60, retry=patient) as client:
        kept = 0
        for count in (1, 2 * PART):
            process = command(*arguments)
            staged_beyond(client, count, process)
            if victim == "service":
                service.kill()
                service.start()
            elif victim == "store":
                store_server.crash()
            process.kill()
            process.communicate()
            dataset = client.get_dataset("d")
            assert (dataset.encoder_digest, dataset.staged_encoder_digest) in [(OLD, NEW), (NEW, "")]
            if dataset.encoder_digest == OLD:
                assert dataset.staged_count >= max(kept, count)
                kept = dataset.staged_count
        done(*arguments)
        assert "already" in done(*arguments)
        for annotator in annotators:
            annotator.end()
            labels |= {(name, annotator.name_there): it for name, it in annotator.stated.items()}
        dataset = client.get_dataset("d")
        assert (dataset.encoder_digest, dataset.dimension) == (NEW, 16)
        assert (dataset.staged_count, dataset.sample_count) == (0, len(IDS))
        assert labels_in(client) == labels
        revisions = [revision for annotator in annotators for revision in annotator.revisions]
        assert len(set(revisions)) == len(revisions)
        equal_to_one_made_anew(client, labels)
        with pytest.raises(FailedPrecondition) as refusal:
            client.add_samples("d", ["x"], BEFORE[:1], encoder_digest=OLD)
        assert refusal.value.reason == "ENCODER_MISMATCH"


def equal_to_one_made_anew(client, labels):
    client.create_dataset("e", dimension=16, classes=CLASSES, encoder_digest=NEW, neighbours=5)
    client.add_samples("e", IDS, AFTER, encoder_digest=NEW)
    client.add_labels("e", [Label(name, kind, who, trust) for (name, who), (kind, trust) in labels.items()])
    found, expected = client.export_beliefs("d"), client.export_beliefs("e")
    assert found.sample_ids == expected.sample_ids
    np.testing.assert_array_equal(found.classes, expected.classes)
    np.testing.assert_allclose(found.confidences, expected.confidences, atol=1e-4)


@pytest.mark.crash
@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_killed_around_the_change_it_happened_or_it_did_not(start_service, store_server, patient):
    service = start_service("graph_service", "--redis-url", store_server.url)
    moments = random.Random(3)
    with GraphClient(service.address, timeout=60, retry=patient) as client:
        client.create_dataset("d", dimension=12, classes=CLASSES, encoder_digest=OLD, neighbours=5)
        client.add_samples("d", IDS[:300], BEFORE[:300], encoder_digest=OLD)
        client.add_labels("d", {IDS[0]: "a", IDS[1]: "b"})
        for turn in range(ROUNDS):
            dataset = client.get_dataset("d")
            present = dataset.encoder_digest
            other, fresh = (NEW, AFTER) if present == OLD else (OLD, BEFORE)
            head = client.stage_vectors("d", IDS[:300], fresh[:300], encoder_digest=other)
            request = uuid.uuid4().hex
            asking = threading.Thread(target=once, args=(service.address, other, request))
            asking.start()
            time.sleep(moments.uniform(0, 0.03))
            if turn % 2:
                store_server.crash()
            else:
                service.kill()
                service.start()
            asking.join()
            dataset = client.get_dataset("d")
            state = dataset.encoder_digest, dataset.dimension, dataset.staged_count, dataset.revision
            before = present, BEFORE.shape[1] if present == OLD else AFTER.shape[1], 300, head
            after = other, fresh.shape[1], 0, head + 1
            assert state in (before, after)
            assert client.change_encoder("d", other, request_id=request) == head + 1
            assert client.get_dataset("d").encoder_digest == other
            assert len(client.list_labels("d").labels) == 2
            assert client.propagate("d").reached_count == 300


def once(address, digest, request):
    """Ask for the change, once; whether it is answered is chance."""
    try:
        with GraphClient(address, timeout=10, retry=RetryPolicy(attempts=1)) as client:
            client.change_encoder("d", digest, request_id=request)
    except VicinalError:
        pass


@pytest.fixture(scope="module")
def second_encoder(tmp_path_factory):
    """The starter encoder with another preprocessing, so that it makes other vectors under another digest."""
    model = onnx.load(STARTER_ENCODER)
    (entry,) = [entry for entry in model.metadata_props if entry.key == "vicinal.preprocessing"]
    preprocessing = json.loads(entry.value)
    entry.value = json.dumps({**preprocessing, "mean": [0.3, 0.3, 0.3], "name": "second"})
    path = tmp_path_factory.mktemp("second") / "second.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def embedder(service_at, second_encoder, tmp_path_factory):
    """A service with both encoders; no test changes it."""
    encoders = ("--encoder", str(STARTER_ENCODER), "--encoder", str(second_encoder))
    with service_at(tmp_path_factory.mktemp("embed"), "embed_service", *encoders) as service:
        yield service


@pytest.fixture
def pair(start_service, embedder, tmp_path):
    """Services with both encoders, a folder of real images, and the command line on them."""
    graph = start_service("graph_service", "--data-dir", str(tmp_path / "data"))
    unpack(tmp_path / "sample")
    photos = tmp_path / "photos"
    for kind in sorted((tmp_path / "sample").iterdir())[:3]:
        (photos / kind.name).mkdir(parents=True)
        for path in sorted(kind.iterdir())[:12]:
            (photos / kind.name / path.name).write_bytes(path.read_bytes())
    environment = {**os.environ, "VICINAL_GRAPH": graph.address, "VICINAL_EMBED": embedder.address}

    def vicinal(*words, fails=False):
        return done(*words, fails=fails, env=environment)

    vicinal("add", photos, "-d", "pets", "--labels-from-folders", "given")
    return SimpleNamespace(vicinal=vicinal, photos=photos, graph=graph.address)


def digests(pair):
    said = pair.vicinal("encoders", "list", "--format", "jsonl")
    found = {row["name"]: row["digest"] for row in map(json.loads, said.splitlines())}
    second = found.pop("second")
    (first,) = found.values()
    return first, second


def test_two_real_encoders(pair):
    first, second = digests(pair)
    with GraphClient(pair.graph) as client:
        names = client.list_samples("pets").ids
        client.add_labels("pets", {names[0]: names[0].split("/")[0]}, annotator="ann")
        labels = client.list_labels("pets").labels
        assert client.get_dataset("pets").encoder_digest == first
        said = pair.vicinal("re-embed", pair.photos, "-d", "pets", "--encoder-digest", second)
        assert "36 samples (36 vectors brought now), 37 labels" in said
        moved = client.get_dataset("pets")
        assert (moved.encoder_digest, moved.sample_count, moved.staged_count) == (second, 36, 0)
        assert client.list_labels("pets").labels == labels
        assert client.list_samples("pets").content_sha256 == tuple(
            hashlib.sha256((pair.photos / name).read_bytes()).digest() for name in names
        )
    assert "already" in pair.vicinal("re-embed", pair.photos, "-d", "pets", "--encoder-digest", second)
    # What comes now is embedded by the dataset's own encoder, though another is the default.
    assert "added 36 samples" in pair.vicinal("add", pair.photos, "-d", "pets")
    classified = pair.vicinal("classify", pair.photos, "-d", "pets", "--format", "jsonl")
    assert len(classified.splitlines()) == 36
    back = pair.vicinal("re-embed", pair.photos, "-d", "pets", "--encoder-digest", first)
    assert "moved the dataset 'pets'" in back


def test_images_that_are_gone_changed_or_broken(pair):
    _, second = digests(pair)
    files = sorted(pair.photos.rglob("*.*"))
    gone, changed, broken = files[0], files[1], files[2]
    other = files[3].read_bytes()
    gone.unlink()
    arguments = ("re-embed", pair.photos, "-d", "pets", "--encoder-digest", second)
    with GraphClient(pair.graph) as client:
        first = client.get_dataset("pets")
        said = pair.vicinal(*arguments, fails=True)
        assert "--drop-missing" in said
        assert f"{gone.relative_to(pair.photos).as_posix()}: there is no image" in said
        assert client.get_dataset("pets") == first  # refused before anything was embedded
        changed.write_bytes(other)
        broken.write_bytes(b"no image at all")
        gone.write_bytes(other)
        said = pair.vicinal(*arguments, fails=True)
        for path, why in ((gone, "is another image"), (changed, "is another image"), (broken, "")):
            assert f"{path.relative_to(pair.photos).as_posix()}: {why}" in said
        waiting = client.get_dataset("pets")
        assert (waiting.encoder_digest, waiting.staged_count) == (first.encoder_digest, 33)
        assert client.list_labels("pets").labels
        said = pair.vicinal(*arguments, "--drop-missing", "--accept-changed")
        assert "1 samples can have no new vector, and are dropped" in said
        assert f"{broken.relative_to(pair.photos).as_posix()}: " in said
        assert "dropped 1 samples, and the 1 labels they held" in said
        assert "35 samples (2 vectors brought now), 35 labels" in said
        assert client.get_dataset("pets").encoder_digest == second


def test_a_move_that_was_not_completed_gives_way_only_when_told(pair):
    first, second = digests(pair)
    third = "3" * 64
    with GraphClient(pair.graph) as client:
        client.create_dataset("alien", dimension=5, classes=CLASSES, encoder_digest=third)
        assert "vicinal re-embed" in pair.vicinal("add", pair.photos, "-d", "alien", fails=True)
        names = client.list_samples("pets").ids
        client.stage_vectors("pets", names[:2], np.eye(2, 5), encoder_digest=third)
        assert "2 of 36 samples (`vicinal re-embed` goes on)" in pair.vicinal("status")
        said = pair.vicinal("re-embed", pair.photos, "-d", "pets", "--encoder-digest", second, fails=True)
        assert "--start-over" in said
        assert third in said
        pair.vicinal("re-embed", pair.photos, "-d", "pets", "--encoder-digest", second, "--start-over")
        assert client.get_dataset("pets").encoder_digest == second
    said = pair.vicinal("re-embed", pair.photos, "-d", "pets", "--encoder-digest", third, fails=True)
    assert f"the embedding service has no encoder {third}" in said
    said = pair.vicinal("re-embed", pair.photos / "..", "-d", "pets", "--encoder-digest", first, fails=True)
    assert "--drop-missing" in said
    said = pair.vicinal(
        *("re-embed", pair.photos / "..", "-d", "pets", "--encoder-digest", first, "--drop-missing"),
        fails=True,
    )
    assert "none of the 36 samples" in said
