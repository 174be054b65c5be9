"""Real servers for tests that need a store: the embedded Valkey, and a redis-server of the machine's own.

And encoded pictures, well-made ones and one that is a trap.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack, closing
from io import BytesIO
from typing import Any

import pytest
from hypothesis import settings
from PIL import Image

from graph_service.log.connection import connect
from graph_service.log.embedded import EmbeddedServer
from graph_service.log.redis_store import RedisStore
from graph_service.log.settings import REQUIRED
from vicinal.wire.errors import Unavailable

# The same examples every time where a failure cannot be looked at on the spot; new ones everywhere else. No
# deadline: how long an example takes says how busy the machine is.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


class EmbeddedUnderTest:
    """The embedded server; its supervisor brings it back after a crash."""

    def __init__(self, directory):
        self.server = EmbeddedServer(directory)
        self.server.start()
        self.url = self.server.url

    @property
    def pid(self):
        return self.server.pid

    def kill(self):
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)

    def crash(self):
        """kill -9, and return when another server answers."""
        killed = self.pid
        self.kill()
        while self.pid == killed:
            time.sleep(0.01)
        await_answer(self.url)

    def stop(self):
        self.server.close()


class RedisUnderTest:
    """Debian's redis-server (or any on the PATH), on a TCP port, with the settings that the log asks for."""

    def __init__(self, directory, binary="redis-server", **settings):
        self.directory = directory
        self.settings = {**REQUIRED, "save": "", **settings}
        self.binary = binary
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        directory.mkdir(exist_ok=True)
        self.start()

    def start(self):
        settings = {"port": str(self.port), "bind": "127.0.0.1", **self.settings}
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        with (self.directory / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binary, *arguments], cwd=self.directory, stdout=log, stderr=log
            )
        await_answer(self.url)

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def crash(self):
        """kill -9, and return when another server answers."""
        self.kill()
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def await_answer(url, patience=30):
    deadline = time.monotonic() + patience
    with closing(RedisStore(connect(url))) as store:
        while True:
            try:
                return store.ping()
            except Unavailable:
                assert time.monotonic() < deadline, f"nothing answers at {url}"
                time.sleep(0.01)


@pytest.fixture
def start_redis(tmp_path):
    """Start redis-server with other settings than the log asks for: `start_redis(appendonly="no")`."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on the PATH (Debian: apt-get install redis-server)")
    with ExitStack() as servers:

        def start(**settings):
            server = RedisUnderTest(tmp_path / f"redis-{time.monotonic_ns()}", **settings)
            servers.callback(server.stop)
            return server

        yield start


@pytest.fixture(params=["embedded", "redis-server"])
def store_server(request, tmp_path):
    """A server for a store, of each of the two kinds: `.url`, `.pid`, `.kill()`, `.crash()`, `.stop()`."""
    if request.param == "embedded":
        server = EmbeddedUnderTest(tmp_path / "store")
        yield server
        server.stop()
    else:
        yield request.getfixturevalue("start_redis")()


@pytest.fixture
def store_url(store_server):
    """The URL of a store, on each of the two kinds of server."""
    return store_server.url


@pytest.fixture
def store(store_url):
    """A connected store, on each of the two kinds of server."""
    with closing(RedisStore.connect(store_url)) as store:
        yield store


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    return encoded


def encoded(image: Image.Image, name: str, **options: Any) -> bytes:
    """`image` in the format `name`."""
    file = BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """A PNG of 17 kB that says it has 144 million pixels, and has."""
    return flat_png(12_000, 12_000)


@pytest.fixture(scope="session")
def make_png() -> Callable[[int, int], bytes]:
    return flat_png


def flat_png(width: int, height: int) -> bytes:
    """A PNG of black pixels, one bit each, made without holding it."""
    squeeze, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    data = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    packed = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
