"""The page as a process, in front of a real graph service, over sockets."""

import itertools
import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from PIL import Image

from vicinal_cli.up.alone import graph_alone
from vicinal_client import GraphClient, Trust

CLASSES = ("cat", "dog", "owl")
COUNT = 120
_names = (f"d{i}" for i in itertools.count())


@pytest.fixture(scope="session")
def graph_address(tmp_path_factory):
    """The address of a graph service."""
    with graph_alone(tmp_path_factory.mktemp("graph")) as address:
        yield address


@pytest.fixture(scope="session")
def graph(graph_address):
    with GraphClient(graph_address, timeout=60) as client:
        yield client


@contextmanager
def page_process(folder, target, *flags, token=""):
    """`python -m vicinal_page`; yields its address."""
    port_file = folder / "page.port"
    port_file.unlink(missing_ok=True)
    words = ["--target", target, "--port", "0", "--port-file", str(port_file), *flags]
    with (folder / "page.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "vicinal_page", *words],
            env={**os.environ, "VICINAL_PAGE_TOKEN": token},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + 60
        while not port_file.exists():
            assert process.poll() is None, (folder / "page.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield f"http://127.0.0.1:{int(port_file.read_text())}"
    finally:
        process.terminate()
        assert process.wait(30) == 0
        assert "Traceback" not in (folder / "page.log").read_text()


@pytest.fixture(scope="session")
def run_page():
    """Run a page: `with run_page(folder, target, "--images", …, token=…) as address`."""
    return page_process


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """A folder with a picture for each sample, and some that must not be shown."""
    root = tmp_path_factory.mktemp("pictures")
    for i in range(COUNT):
        Image.new("RGB", (40, 30), (2 * i, 40, 90)).save(root / f"{i:03}.png")
    (root / "below").mkdir()
    Image.new("RGB", (1600, 900), "teal").save(root / "below" / "großes Bild.JPG")
    (root / "note.txt").write_text("no picture")
    (root / ".hidden.png").write_bytes((root / "000.png").read_bytes())
    (root / "broken.png").write_bytes((root / "000.png").read_bytes()[:40])
    (root.parent / "secret.png").write_bytes((root / "000.png").read_bytes())
    (root / "out.png").symlink_to(root.parent / "secret.png")
    return root


@pytest.fixture(scope="session")
def page_address(tmp_path_factory, graph_address, pictures):
    """The address of a page that shows the pictures for every dataset."""
    with page_process(tmp_path_factory.mktemp("page"), graph_address, "--images", str(pictures)) as address:
        yield address


@pytest.fixture
def web(page_address):
    """A browser's stand-in, without a browser's manners."""
    with httpx.Client(base_url=page_address, timeout=60) as client:
        yield client


@pytest.fixture
def truth():
    """The class of each of the samples, by id."""
    return {f"{i:03}.png": CLASSES[i % 3] for i in range(COUNT)}


@pytest.fixture
def dataset(graph, truth):
    """The name of a new dataset of three clusters, without labels."""
    return new_dataset(graph, truth)


@pytest.fixture
def doubtful(graph, truth):
    """The name of a dataset whose labels came with the data, and which of them are wrong."""
    name = new_dataset(graph, truth)
    wrong = {sample: CLASSES[(CLASSES.index(truth[sample]) + 1) % 3] for sample in list(truth)[::30]}
    graph.add_labels(name, truth | wrong, trust=Trust.GIVEN)
    return name, wrong


@pytest.fixture
def make_dataset(graph):
    """Make a dataset of three clusters: `make_dataset({sample: class})` returns its name."""
    return lambda truth: new_dataset(graph, truth)


def new_dataset(graph, truth):
    name = next(_names)
    rng = np.random.default_rng(4)
    middles = 3 * np.eye(3, 8)
    vectors = np.stack([middles[CLASSES.index(one)] for one in truth.values()])
    graph.create_dataset(name, dimension=8, classes=CLASSES)
    graph.add_samples(name, list(truth), (vectors + rng.normal(size=vectors.shape)).astype(np.float32))
    return name


@pytest.fixture
def seat(web, dataset):
    """One annotator's place at the page: `seat("ada")("label", sample=…, **{"class": …})`."""
    return lambda annotator, where=dataset: Seat(web, where, annotator)


class Seat:
    """Sends what the page's scripts would."""

    def __init__(self, web, dataset, annotator):
        self._web = web
        self._who = {"dataset": dataset, "annotator": annotator}

    def __call__(self, what, **fields):
        answer = self._web.post(f"/api/{what}", json=self._who | fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def say(self, sample, class_name, **fields):
        return self("label", sample=sample, **{"class": class_name}, **fields)

    def held(self):
        return [item["id"] for item in self("queue")["items"]]

    def events(self):
        """What the stream tells, one after another."""
        with self._web.stream("GET", "/api/events", params=self._who) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))


class GraphProcess:
    """A graph service that may be stopped and started again on the same port."""

    def __init__(self, folder):
        self.folder = folder
        self.port = 0
        self.start()

    def start(self):
        port_file = self.folder / "graph.port"
        port_file.unlink(missing_ok=True)
        flags = [
            "--port",
            str(self.port),
            "--port-file",
            str(port_file),
            "--data-dir",
            str(self.folder / "data"),
        ]
        with (self.folder / "graph.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "graph_service", *flags], stdout=log, stderr=log
            )
        while not port_file.exists():
            assert self.process.poll() is None, (self.folder / "graph.log").read_text()
            time.sleep(0.02)
        self.port = int(port_file.read_text())
        self.address = f"127.0.0.1:{self.port}"
        with GraphClient(self.address) as client:
            client.wait_until_ready(120)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def start_graph(tmp_path):
    """Start a graph service of this test's own."""
    started = []

    def start():
        started.append(GraphProcess(tmp_path))
        return started[-1]

    yield start
    for one in started:
        one.stop()
