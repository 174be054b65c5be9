"""A real FiftyOne on its own real database, both services, and 510 real images.

Run by `make test-integrations`, in an environment of its own.
"""

import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

with closing(socket.create_server(("127.0.0.1", 0))) as _free:
    PORT = _free.getsockname()[1]
HOME = Path(tempfile.mkdtemp(prefix="vicinal-fiftyone-"))
# FiftyOne reads these when it is imported; it connects on first use.
os.environ |= {
    "FIFTYONE_DATABASE_URI": f"mongodb://127.0.0.1:{PORT}",
    "FIFTYONE_DATABASE_VALIDATION": "false",
    "FIFTYONE_DATABASE_DIR": str(HOME / "database"),
    "FIFTYONE_DATASET_ZOO_DIR": str(HOME / "zoo"),
    "FIFTYONE_DEFAULT_DATASET_DIR": str(HOME / "datasets"),
    "FIFTYONE_PLUGINS_DIR": str(HOME / "plugins"),
    "FIFTYONE_DO_NOT_TRACK": "true",
    "FIFTYONE_SHOW_PROGRESS_BARS": "false",
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}

import fiftyone as fo  # noqa: E402

from vicinal_cli.demo.sample import unpack  # noqa: E402
from vicinal_client import EmbedClient, GraphClient, RetryPolicy  # noqa: E402

CLASSES = 10
IMAGES = 500
PLANTED = 25
COPIES = 5


def pytest_sessionfinish():
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def database():
    """The MongoDB that comes with FiftyOne, on a port and in a folder of its own."""
    folder = HOME / "database"
    folder.mkdir()
    binary = Path(find_spec("fiftyone").origin).parent / "db" / "bin" / "mongod"
    flags = ["--dbpath", str(folder), "--port", str(PORT), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with (HOME / "mongod.log").open("wb") as log:
        process = subprocess.Popen([binary, *flags], stdout=log, stderr=log)
    yield
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Path and true class of 500 images, and of ten that repeat others: five copies, five all but copies."""
    folder = tmp_path_factory.mktemp("images")
    unpack(folder)
    found = []
    for one in sorted(folder.iterdir()):
        found += [(path, one.name) for path in sorted(one.glob("*.png"))[: IMAGES // CLASSES]]
    for number, (path, name) in enumerate(found[:: IMAGES // COPIES]):
        copy, near = path.with_name(f"copy-{number}.png"), path.with_name(f"near-{number}.png")
        shutil.copyfile(path, copy)
        with Image.open(path) as picture:
            pixels = picture.load()
            pixels[0, 0] = 3
            picture.save(near)
        found += [(copy, name), (near, name)]
    return found


@pytest.fixture
def planted():
    """Which of the 500 images get a wrong label."""
    return set(random.Random(7).sample(range(IMAGES), PLANTED))


@pytest.fixture
def dataset(images, planted):
    """The images in FiftyOne: every class in `truth`, and in `ground_truth` with errors planted."""
    names = sorted({name for _, name in images})
    dataset = fo.Dataset(f"Fashion / {os.urandom(3).hex()}")
    samples = []
    for place, (path, name) in enumerate(images):
        shown = names[(names.index(name) + 3) % CLASSES] if place in planted else name
        label = fo.Classification(label=shown)
        samples.append(fo.Sample(filepath=str(path), truth=name, ground_truth=label))
    dataset.add_samples(samples)
    yield dataset
    dataset.delete()


class Service:
    """`python -m MODULE` in a process of its own, on a port that it keeps when it is started again."""

    def __init__(self, module, *arguments):
        self.module, self.arguments = module, arguments
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.start()

    def start(self):
        command = [sys.executable, "-m", self.module, "--port", self.address.partition(":")[2]]
        with (HOME / f"{self.module}.log").open("ab") as log:
            self.process = subprocess.Popen([*command, *self.arguments], stdout=log, stderr=log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def name(dataset):
    """What the dataset is called in vicinal unless somebody says otherwise."""
    return dataset.name.replace(" / ", "-")


@pytest.fixture(scope="session")
def embed_service():
    service = Service("embed_service")
    yield service
    service.stop()


@pytest.fixture(scope="session")
def embed(embed_service):
    with EmbedClient(embed_service.address, timeout=120) as client:
        client.wait_until_ready(120)
        yield client


@pytest.fixture(scope="session")
def graph_service():
    """The graph service with a store of its own, which it finds again when it is started again."""
    service = Service("graph_service", "--data-dir", str(HOME / "data"))
    yield service
    service.stop()


@pytest.fixture
def graph(graph_service):
    patient = RetryPolicy(attempts=2000, initial_backoff=0.05, max_backoff=0.3)
    with GraphClient(graph_service.address, timeout=120, retry=patient) as client:
        client.wait_until_ready(120)
        yield client
