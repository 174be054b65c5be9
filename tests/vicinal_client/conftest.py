"""Real servers that follow a script, and the two kinds of client behind one blocking face."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from google.protobuf.message import Message

from vicinal.embed.v1 import embed_pb2_grpc
from vicinal.graph.v1 import graph_pb2, graph_pb2_grpc
from vicinal.wire.serving import Server, ServerOptions
from vicinal_client import (
    AsyncEmbedClient,
    AsyncGraphClient,
    AsyncInferenceClient,
    EmbedClient,
    GraphClient,
    InferenceClient,
    RetryPolicy,
)

STREAMS = ("StreamEmbed", "WatchBeliefs")
QUICK = RetryPolicy(attempts=4, initial_backoff=0.01, max_backoff=0.05)


class Background:
    """An event loop on a thread of its own: where servers live, and asynchronous clients."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine, timeout=120):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


class Blocking:
    """An asynchronous client as if it were the synchronous one, so that one test tells about both."""

    def __init__(self, background: Background, make: Callable[[], Any]):
        async def made():
            return make()

        self._background = background
        self._client = background.run(made())

    def __getattr__(self, name):
        method = getattr(self._client, name)
        return self._blocking(method) if callable(method) else method

    def _blocking(self, method):
        def call(*args, **kwargs):
            result = method(*args, **kwargs)
            if inspect.isasyncgen(result):
                return self._items(result)
            return self._background.run(result)

        return call

    def _items(self, generator) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._background.run(anext(generator))
                except StopAsyncIteration:
                    return
        finally:
            self._background.run(generator.aclose())


@dataclass
class Seen:
    """One call as the server saw it."""

    method: str
    request: Any
    seconds: float | None


@dataclass
class Script:
    """What a server answers, and what it has seen.

    `answers` maps a method to a function from the request to the response (an asynchronous generator that is
    given the request or their iterator, and the context, for a stream). Before an answer, `failures` are
    raised one by one.
    """

    answers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    failures: deque[Exception] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)
    server: Server | None = None

    @property
    def address(self) -> str:
        return self.server.address

    def requests(self, method: str) -> list[Any]:
        return [call.request for call in self.seen if call.method == method]


def servicer(base: type, script: Script) -> Any:
    """A servicer of every method of `base` that follows `script`."""

    def unary(name):
        async def answer(self, request, context):
            script.seen.append(Seen(name, request, context.time_remaining()))
            if script.failures:
                raise script.failures.popleft()
            result = script.answers[name](request)
            return await result if inspect.isawaitable(result) else result

        return answer

    def stream(name):
        async def answers(self, request, context):
            sent = request if isinstance(request, Message) else None
            script.seen.append(Seen(name, sent, context.time_remaining()))
            if script.failures:
                raise script.failures.popleft()
            async for response in script.answers[name](request, context):
                yield response

        return answers

    names = [name for name in vars(base) if name[0].isupper()]
    return type(
        "Scripted", (base,), {name: stream(name) if name in STREAMS else unary(name) for name in names}
    )()


def serve(service: str, base: type, add: Callable[..., None], script: Script, port: int = 0) -> Server:
    """A real server of the project that follows `script`; not started."""
    return Server(
        ServerOptions(port=port, max_message_bytes=64 * 2**20, grace=0.0),
        domain=f"{service.split('.')[1]}.vicinal",
        services=[service],
        register=lambda server: add(servicer(base, script), server),
    )


graph_server = partial(
    serve,
    "vicinal.graph.v1.GraphService",
    graph_pb2_grpc.GraphServiceServicer,
    graph_pb2_grpc.add_GraphServiceServicer_to_server,
)
embed_server = partial(
    serve,
    "vicinal.embed.v1.EmbeddingService",
    embed_pb2_grpc.EmbeddingServiceServicer,
    embed_pb2_grpc.add_EmbeddingServiceServicer_to_server,
)


@pytest.fixture(scope="session")
def background():
    background = Background()
    yield background
    background.close()


@pytest.fixture
def start(background):
    """Start servers and stop them at the end: `start(graph_server, script, port=0)`."""
    servers = []

    def begin(make, script, port=0):
        async def started():
            server = make(script, port)
            await server.start()
            await server.set_serving(True)
            script.server = server
            servers.append(server)
            return server

        return background.run(started())

    yield begin
    for server in servers:
        background.run(server.stop())


@pytest.fixture
def graph_script(start):
    """The script of a running graph service; at the end, every call but a watch has had a deadline."""
    script = Script()
    script.limits = {
        "max_id_bytes": 64,
        "max_samples_per_request": 10,
        "max_labels_per_request": 10,
        "max_page_size": 7,
        "max_message_bytes": 2**20,
        "max_scores": 10**8,
    }

    def describe(request):
        return graph_pb2.GetDatasetResponse(
            dataset=graph_pb2.Dataset(
                name=request.dataset,
                classes=["cat", "dog"],
                propagation=graph_pb2.PropagationSettings(
                    method=graph_pb2.METHOD_PAPER, temperature=0.5, steps=3
                ),
            ),
            limits=graph_pb2.Limits(**script.limits),
        )

    script.answers["GetDataset"] = describe
    start(graph_server, script)
    yield script
    for call in script.seen:
        assert call.method == "WatchBeliefs" or (call.seconds is not None and call.seconds < 31)


@pytest.fixture
def embed_script(start):
    """The script of a running embedding service; at the end, every call it has seen had a deadline."""
    script = Script()
    start(embed_server, script)
    yield script
    assert all(call.seconds is not None for call in script.seen)


@pytest.fixture(params=["sync", "async"])
def connect(request, background):
    """Make clients of both kinds and close them at the end: `connect("graph", address, **options)`."""
    kinds = {
        "graph": (GraphClient, AsyncGraphClient),
        "embed": (EmbedClient, AsyncEmbedClient),
        "inference": (InferenceClient, AsyncInferenceClient),
    }
    clients = []

    def make(kind, *address, **options):
        options.setdefault("retry", QUICK)
        plain, asynchronous = kinds[kind]
        if request.param == "sync":
            client = plain(*address, **options)
        else:
            client = Blocking(background, lambda: asynchronous(*address, **options))
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def graph(connect, graph_script):
    """A graph client of each kind, connected to the scripted service."""
    return connect("graph", graph_script.address)


@pytest.fixture
def embed(connect, embed_script):
    """An embedding client of each kind, connected to the scripted service."""
    return connect("embed", embed_script.address)
