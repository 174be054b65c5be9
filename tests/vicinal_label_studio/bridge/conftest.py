"""Bridges between the model of Label Studio and vicinal's services, which are processes."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from vicinal_client import AsyncEmbedClient, AsyncGraphClient, EmbedClient, GraphClient, VicinalError
from vicinal_label_studio.beliefs import follow
from vicinal_label_studio.bridge import Bridge, Wishes
from vicinal_label_studio.platform import LabelStudio
from vicinal_label_studio.worker import Worker


class Process:
    """A service of vicinal's; `start` may be called again after `kill`, and gets the same port."""

    def __init__(self, module, folder, client, *arguments):
        self.module, self.folder, self.client, self.arguments = module, folder, client, arguments
        self.port = 0
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        told = self.folder / f"{self.module}.port"
        told.unlink(missing_ok=True)
        flags = ["--port", str(self.port), "--port-file", str(told), *self.arguments]
        with (self.folder / f"{self.module}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *flags], stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while not self._is_serving(told):
            assert self.process.poll() is None, f"{self.module} ended"
            assert time.monotonic() < deadline, f"{self.module} does not serve"
            time.sleep(0.02)

    def _is_serving(self, told):
        try:
            self.port = int(told.read_text())
            with self.client(self.address) as client:
                client.wait_until_ready(1)
        except (OSError, ValueError, VicinalError):
            return False
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture(scope="session")
def services(tmp_path_factory):
    """`graph, embed`: both services, as processes that a test may kill and start again."""
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    folder = tmp_path_factory.mktemp("services")
    embed = Process("embed_service", folder, EmbedClient, "--encoder", "fashion")
    graph = Process("graph_service", folder, GraphClient, "--data-dir", str(folder / "data"))
    yield graph, embed
    graph.stop()
    embed.stop()


class Rig:
    """A bridge between a model of Label Studio and the services, and the worker that works it."""

    def __init__(self, bridge, graph, platform):
        self.bridge, self.graph, self.platform = bridge, graph, platform
        self.worker = Worker(bridge, compare_every=3600, look_every=3600, settle=0)

    async def settle(self):
        """Work until nothing is left to do."""
        while not self.bridge.is_idle:
            await self.worker.attempt()

    async def survey(self):
        self.bridge.agenda.look_at_all()
        await self.settle()

    async def labels(self):
        found = (await self.graph.list_labels(self.bridge.wishes.dataset)).labels
        return {(one.sample_id, one.annotator): one for one in found}

    async def classes(self):
        return {key: one.class_name for key, one in (await self.labels()).items()}

    async def samples(self):
        return set((await self.graph.list_samples(self.bridge.wishes.dataset)).ids)


_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def new_rig(services, new_model):
    """`with new_rig() as (make, model)`, then in a loop `async with make() as rig`.

    Each `make` is another life of the back end, which remembers nothing of those before. Wishes may be given.
    """
    graph_service, embed_service = services

    @contextmanager
    def new(**wishes):
        model, url, token = new_model()
        wished = Wishes(**{"project": 1, "dataset": f"model-{next(_numbers)}"} | wishes)

        def make():
            return _rig(wished, url, token, graph_service.address, embed_service.address)

        yield make, model

    return new


class _rig:  # noqa: N801 (used as a function)
    def __init__(self, wishes, url, token, graph, embed):
        self.arguments = wishes, url, token, graph, embed

    async def __aenter__(self):
        wishes, url, token, graph, embed = self.arguments
        self.platform = await LabelStudio(url, token).__aenter__()
        self.graph, self.embed = AsyncGraphClient(graph), AsyncEmbedClient(embed)
        self.bridge = bridge = Bridge(wishes, self.platform, self.graph, self.embed)
        bridge.agenda.look_at_all()
        watched = follow(self.graph, wishes.dataset, bridge.table, bridge.agenda.refresh)
        self.following = asyncio.create_task(watched)
        return Rig(bridge, self.graph, self.platform)

    async def __aexit__(self, *_):
        self.following.cancel()
        await asyncio.gather(self.following, return_exceptions=True)
        await self.bridge.aclose()
        await self.platform.__aexit__()
        await self.graph.close()
        await self.embed.close()
