"""The server both services run in: refusals on the wire, health, reflection, signals."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc
from vicinal.wire.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, ServiceError
from vicinal.wire.serving import Server, ServerOptions, serve
from vicinal.wire.status import from_rpc_error

NAME = "vicinal.embed.v1.EmbeddingService"
UNDESCRIBED = "nobody.knows.Service"
REFUSALS = [
    InvalidArgument("FIELD_REQUIRED", "images is empty", field="images"),
    FailedPrecondition(
        "ENCODER_MISMATCH", "another encoder", field="encoder_digest", expected="a", value="b"
    ),
    ResourceExhausted("QUEUE_FULL", "come back", retry_after=0.25, limit=8),
]


class Puppet(embed_pb2_grpc.EmbeddingServiceServicer):
    """Answers as the test says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.entered = asyncio.Event()
        self.proceed = asyncio.Event()
        self.closed_streams = 0

    async def GetModel(self, request: Any, context: Any) -> embed_pb2.GetModelResponse:  # noqa: N802
        self.entered.set()
        await self.proceed.wait()
        if self.error:
            raise self.error
        return embed_pb2.GetModelResponse(name="puppet")

    async def StreamEmbed(self, requests: Any, context: Any) -> AsyncIterator[embed_pb2.StreamEmbedResponse]:  # noqa: N802
        try:
            async for request in requests:
                if self.error:
                    raise self.error
                yield embed_pb2.StreamEmbedResponse(index=request.index)
        finally:
            self.closed_streams += 1


Start = Callable[..., Awaitable[tuple[Server, grpc.aio.Channel]]]


@pytest.fixture
async def puppet() -> Puppet:
    puppet = Puppet()
    puppet.proceed.set()
    return puppet


@pytest.fixture
async def start(puppet: Puppet) -> AsyncIterator[Start]:
    """Starts servers with given options, and closes them."""
    opened: list[tuple[Server, grpc.aio.Channel]] = []

    async def start(**options: Any) -> tuple[Server, grpc.aio.Channel]:
        server = make(puppet, **options)
        await server.start()
        opened.append((server, grpc.aio.insecure_channel(server.address)))
        return opened[-1]

    yield start
    for server, channel in opened:
        await channel.close()
        await server.stop()


def make(puppet: Puppet, **options: Any) -> Server:
    def register(server: grpc.aio.Server) -> None:
        embed_pb2_grpc.add_EmbeddingServiceServicer_to_server(puppet, server)

    return Server(
        ServerOptions(**{"grace": 5.0, **options}),
        domain="embed.vicinal",
        services=[NAME, UNDESCRIBED],
        register=register,
    )


async def status_of(channel: grpc.aio.Channel, service: str = NAME) -> int:
    stub = health_pb2_grpc.HealthStub(channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)


def same(one: ServiceError | None, other: ServiceError) -> bool:
    assert one is not None
    return (type(one), one.reason, one.message, one.metadata, one.retry_after) == (
        type(other), other.reason, other.message, other.metadata, other.retry_after
    )  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.reason)
async def test_refusals_reach_the_caller_whole(start: Start, puppet: Puppet, refusal: ServiceError) -> None:
    _, channel = await start()
    stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
    puppet.error = refusal
    with pytest.raises(grpc.RpcError) as unary:
        await stub.GetModel(embed_pb2.GetModelRequest())
    assert same(from_rpc_error(unary.value), refusal)
    with pytest.raises(grpc.RpcError) as stream:
        async for _ in stub.StreamEmbed(iter([embed_pb2.StreamEmbedRequest(index=1)])):
            pass
    assert same(from_rpc_error(stream.value), refusal)


async def test_unexpected_error_is_internal_and_logged_but_not_told(
    start: Start, puppet: Puppet, caplog: pytest.LogCaptureFixture
) -> None:
    _, channel = await start()
    puppet.error = ZeroDivisionError("secret of the house")
    with pytest.raises(grpc.RpcError) as caught:
        await embed_pb2_grpc.EmbeddingServiceStub(channel).GetModel(embed_pb2.GetModelRequest())
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in caught.value.details()
    assert from_rpc_error(caught.value) is None
    assert "secret of the house" in caplog.text


async def test_cancelled_stream_closes_its_handler(start: Start, puppet: Puppet) -> None:
    _, channel = await start()
    call = embed_pb2_grpc.EmbeddingServiceStub(channel).StreamEmbed()
    await call.write(embed_pb2.StreamEmbedRequest(index=7))
    assert (await call.read()).index == 7
    call.cancel()
    while not puppet.closed_streams:
        await asyncio.sleep(0.01)


async def test_over_long_message_is_refused_by_the_transport(start: Start) -> None:
    _, channel = await start(max_message_bytes=1000)
    stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
    with pytest.raises(grpc.RpcError) as caught:
        await stub.Embed(embed_pb2.EmbedRequest(images=[bytes(2000)]))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert from_rpc_error(caught.value) is None
    assert (await stub.GetModel(embed_pb2.GetModelRequest())).name == "puppet"


async def test_calls_beyond_the_limit_are_refused(start: Start, puppet: Puppet) -> None:
    _, channel = await start(max_concurrent_rpcs=1)
    stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
    puppet.proceed.clear()
    first = asyncio.ensure_future(stub.GetModel(embed_pb2.GetModelRequest()))
    await puppet.entered.wait()
    with pytest.raises(grpc.RpcError) as caught:
        await stub.GetModel(embed_pb2.GetModelRequest())
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    puppet.proceed.set()
    assert (await first).name == "puppet"


async def test_health_follows_set_serving(start: Start) -> None:
    server, channel = await start()
    for serving, expected in ((None, 2), (True, 1), (False, 2)):
        if serving is not None:
            await server.set_serving(serving)
        assert [await status_of(channel, name) for name in ("", NAME, UNDESCRIBED)] == [expected] * 3


async def test_reflection_names_the_services_that_it_can_describe(start: Start) -> None:
    _, channel = await start()
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    async for answer in stub.ServerReflectionInfo(iter([request])):
        names = {service.name for service in answer.list_services_response.service}
    assert {NAME, "grpc.health.v1.Health"} <= names
    assert UNDESCRIBED not in names


async def test_taken_port_is_an_error(start: Start, puppet: Puppet) -> None:
    server, _ = await start()
    with pytest.raises(OSError, match=str(server.port)):
        await make(puppet, port=server.port).start()


async def test_port_file_holds_the_port_while_the_server_lives(puppet: Puppet, tmp_path: Path) -> None:
    path = tmp_path / "port"
    server = make(puppet, port_file=path)
    await server.start()
    assert int(path.read_text()) == server.port != 0
    await server.stop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_drains_calls_under_way_and_then_closes(puppet: Puppet, number: signal.Signals) -> None:
    server, events = make(puppet), []
    puppet.proceed.clear()

    async def on_start() -> None:
        events.append("start")

    async def on_stop() -> None:
        events.append("stop")

    running = asyncio.create_task(serve(server, on_start=on_start, on_stop=on_stop))
    while not server.port:
        await asyncio.sleep(0.01)
    async with grpc.aio.insecure_channel(server.address) as channel:
        while await status_of(channel) != health_pb2.HealthCheckResponse.SERVING:
            await asyncio.sleep(0.01)
        stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
        call = asyncio.ensure_future(stub.GetModel(embed_pb2.GetModelRequest()))
        await puppet.entered.wait()
        os.kill(os.getpid(), number)
        await asyncio.sleep(0.1)
        assert not call.done()
        assert events == ["start"]
        puppet.proceed.set()
        assert (await call).name == "puppet"
    await running
    assert events == ["start", "stop"]


async def test_signal_during_start_cancels_it(puppet: Puppet) -> None:
    server, events = make(puppet), []

    async def on_start() -> None:
        events.append("start")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("cancelled")

    async def on_stop() -> None:
        events.append("stop")

    running = asyncio.create_task(serve(server, on_start=on_start, on_stop=on_stop))
    while not events:
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert events == ["start", "cancelled", "stop"]


async def test_failed_start_cleans_up_and_is_raised(puppet: Puppet) -> None:
    server, events = make(puppet), []

    async def on_start() -> None:
        raise RuntimeError("the encoder does not run")

    async def on_stop() -> None:
        events.append("stop")

    with pytest.raises(RuntimeError, match="does not run"):
        await serve(server, on_start=on_start, on_stop=on_stop)
    assert events == ["stop"]
