"""The services as processes, over real sockets."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from vicinal_client import EmbedClient, GraphClient, RetryPolicy

SERVING = health_pb2.HealthCheckResponse.SERVING


class Service:
    """`python -m MODULE` in a process group of its own; `start` may be called again after `kill`."""

    def __init__(self, module: str, arguments: list[str], directory: Path):
        self.module = module
        self.port_file = directory / f"{module}.port"
        self.log = directory / f"{module}.log"
        self.arguments = arguments
        self.port = 0
        self.start()

    def start(self):
        self.port_file.unlink(missing_ok=True)
        flags = ["--port", str(self.port), "--port-file", str(self.port_file), *self.arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *flags], stdout=log, stderr=log, start_new_session=True
            )
        self._await(self.port_file.exists)
        self.port = int(self.port_file.read_text())
        self._await(self.serving)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def health(self) -> int:
        with grpc.insecure_channel(self.address) as channel:
            request = health_pb2.HealthCheckRequest()
            return health_pb2_grpc.HealthStub(channel).Check(request, timeout=5).status

    def serving(self) -> bool:
        try:
            return self.health() == SERVING
        except grpc.RpcError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def _await(self, condition):
        deadline = time.monotonic() + 120  # kernels may have to be compiled first
        while not condition():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.02)


@contextmanager
def running(directory, module, *arguments):
    directory.mkdir(exist_ok=True)
    service = Service(module, list(arguments), directory)
    try:
        yield service
    finally:
        service.stop()


@pytest.fixture(scope="session")
def service_at():
    """Run a service: `with service_at(directory, "graph_service", "--redis-url", url) as service`."""
    return running


@pytest.fixture
def start_service(tmp_path):
    """Start a service: `start_service("graph_service", "--redis-url", url)`. All end with the test."""
    with ExitStack() as services:
        yield lambda module, *arguments: services.enter_context(
            running(tmp_path / f"{module}-files", module, *arguments)
        )


@pytest.fixture
def graph_service(start_service, store_url):
    """The graph service on each of the two kinds of store."""
    return start_service("graph_service", "--redis-url", store_url)


@pytest.fixture
def graph(graph_service):
    with GraphClient(graph_service.address, timeout=60) as client:
        yield client


@pytest.fixture
def patient():
    """A retry policy that goes on until the deadline."""
    return RetryPolicy(attempts=2000, initial_backoff=0.05, max_backoff=0.3)


@pytest.fixture
def embed(start_service):
    with EmbedClient(start_service("embed_service").address, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def clusters():
    """Ids, float32 (300, 16) unit vectors in three clusters, and the cluster of each."""
    rng = np.random.default_rng(5)
    truth = np.arange(300) % 3
    vectors = rng.normal(size=(3, 16))[truth] + 0.6 * rng.normal(size=(300, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [f"s{i:03}" for i in range(300)], vectors.astype(np.float32), truth


def pytest_configure(config):
    # gRPC's threads do not survive a fork; the tests only spawn, and this keeps its log quiet.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
