"""The time that a service tells with its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from vicinal.graph.v1 import graph_pb2, graph_pb2_grpc
from vicinal.wire.errors import NotFound
from vicinal.wire.serving import Server, ServerOptions
from vicinal.wire.status import from_rpc_error
from vicinal.wire.timing import SERVER_TIME, server_seconds

NAME = "vicinal.graph.v1.GraphService"
SLOW = 0.05


class Sleeper(graph_pb2_grpc.GraphServiceServicer):
    """Sleeps, then answers; refuses to describe a dataset."""

    async def ListDatasets(self, request: Any, context: Any) -> graph_pb2.ListDatasetsResponse:  # noqa: N802
        await asyncio.sleep(SLOW)
        return graph_pb2.ListDatasetsResponse()

    async def GetDataset(self, request: Any, context: Any) -> graph_pb2.GetDatasetResponse:  # noqa: N802
        raise NotFound("UNKNOWN_DATASET", "not here", value="x")


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = Server(
        ServerOptions(grace=1.0),
        domain="graph.vicinal",
        services=[NAME],
        register=lambda it: graph_pb2_grpc.add_GraphServiceServicer_to_server(Sleeper(), it),
    )
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield channel
    await server.stop()


async def test_an_answer_tells_how_long_it_took(channel: grpc.aio.Channel) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    call = graph_pb2_grpc.GraphServiceStub(channel).ListDatasets(graph_pb2.ListDatasetsRequest())
    await call
    waited = loop.time() - begun
    told = server_seconds(await call.trailing_metadata())
    assert told is not None
    assert SLOW <= told <= waited


async def test_a_refusal_stays_whole(channel: grpc.aio.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await graph_pb2_grpc.GraphServiceStub(channel).GetDataset(graph_pb2.GetDatasetRequest(dataset="x"))
    refusal = from_rpc_error(caught.value)
    assert refusal is not None
    assert refusal.reason == "UNKNOWN_DATASET"
    assert server_seconds(caught.value.trailing_metadata()) is None


async def test_other_services_tell_nothing(channel: grpc.aio.Channel) -> None:
    call = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    await call
    assert server_seconds(await call.trailing_metadata()) is None


@pytest.mark.parametrize(
    ("metadata", "seconds"),
    [
        ([("other", "1"), (SERVER_TIME, "1500")], 0.0015),
        ([(SERVER_TIME, "0")], 0.0),
        ([(SERVER_TIME, "-1")], None),
        ([(SERVER_TIME, "soon")], None),
        ([(SERVER_TIME, "²")], None),
        ([(SERVER_TIME, b"15")], None),
        ([], None),
        (None, None),
    ],
)
def test_what_cannot_be_read_is_nothing(metadata: Any, seconds: float | None) -> None:
    assert server_seconds(metadata) == seconds
