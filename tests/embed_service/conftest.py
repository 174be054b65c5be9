"""A tiny real encoder, pictures to feed it, and the service around it on a real socket."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from embed_service.__main__ import Service, assemble
from embed_service.batching.pipeline import Pipeline
from embed_service.encoder.model import METADATA_KEY, Encoder
from embed_service.encoders.registry import Registry
from embed_service.flags import parser
from vicinal.embed.v1 import embed_pb2_grpc
from vicinal.wire.serving import Server

SIZE, DIMENSION = 8, 16
PREPROCESSING = (
    '{"size": 8, "resize": "bilinear", "fit": "stretch", '
    '"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "name": "tiny"}'
)
WEIGHTS = np.random.default_rng(5).normal(size=(12, DIMENSION)).astype(np.float32)


def tiny_model(size: int | str = SIZE, batch: int | str = "n", metadata: str | None = PREPROCESSING) -> Any:
    """Average over quarters, then a linear map. A picture that is white all over makes the Gather fail."""
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["mapped"]),
        helper.make_node("ReduceMin", ["image"], ["least"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Floor", ["least"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["zero"]),
        helper.make_node("Add", ["mapped", "zero"], ["features"]),
    ]
    constants = [
        numpy_helper.from_array(WEIGHTS, "weights"),
        numpy_helper.from_array(np.zeros((1, DIMENSION), dtype=np.float32), "table"),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, size, size])]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [batch, DIMENSION])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata is not None:
        helper.set_model_props(model, {METADATA_KEY: metadata})
    return model


def tiny_vector(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """What the tiny encoder must say of a picture (8, 8, 3), in float64 and step by step."""
    values = (picture / 255 - 0.5) / 0.5
    quarters = [
        values[y : y + 4, x : x + 4, channel].mean() for channel in range(3) for y in (0, 4) for x in (0, 4)
    ]
    features = np.array(quarters) @ WEIGHTS.astype(np.float64)
    return features / np.linalg.norm(features)


class Steered(Encoder):
    """The tiny encoder, to be held up (`gate`) or broken (`broken`: ONNX Runtime fails for real)."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, device="cpu", threads=1)
        self.gate = threading.Event()
        self.gate.set()
        self.broken = False
        self.forget()

    def forget(self) -> None:
        """Count from here on: batches that came in, those that were run, probes."""
        self.entered = 0
        self.batches: list[int] = []
        self.probes = 0

    def embed(self, inputs: Sequence[npt.NDArray[Any]], size: int | None = None) -> npt.NDArray[np.float32]:
        self.entered += 1
        assert self.gate.wait(60)
        self.batches.append(len(inputs))
        return super().embed([np.ones_like(ready) for ready in inputs] if self.broken else inputs, size)

    def probe(self, count: int = 1) -> None:
        self.probes += 1
        super().probe(count)


@dataclass
class Running:
    """The service on a socket of its own."""

    encoder: Steered
    service: Service
    channel: grpc.aio.Channel

    @property
    def server(self) -> Server:
        return self.service.server

    @property
    def pipeline(self) -> Pipeline:
        return self.service.pipeline

    @property
    def registry(self) -> Registry:
        return self.service.registry

    @property
    def stub(self) -> embed_pb2_grpc.EmbeddingServiceStub:
        return embed_pb2_grpc.EmbeddingServiceStub(self.channel)

    async def health(self, service: str = "") -> int:
        stub = health_pb2_grpc.HealthStub(self.channel)
        return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)


Start = Callable[..., Awaitable[Running]]


@asynccontextmanager
async def running(encoder: Steered, flags: list[str], *, warm: bool) -> AsyncIterator[Running]:
    parsed = parser().parse_args(["--port", "0", "--grace", "5", *flags])
    service = assemble(parsed, [encoder, *map(Steered, parsed.encoder or [])], Steered)
    await service.server.start()
    if warm:
        await service.start()
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(service.server.address, options=options) as channel:
        yield Running(encoder, service, channel)
    await service.server.stop()
    await service.close()


@pytest.fixture
async def start(steered: Steered) -> AsyncIterator[Start]:
    """Starts services around a steered tiny encoder and stops them afterwards."""
    async with AsyncExitStack() as stack:

        async def start(*flags: str, encoder: Steered = steered, warm: bool = True) -> Running:
            service = await stack.enter_async_context(running(encoder, list(flags), warm=warm))
            encoder.forget()
            return service

        yield start
        steered.gate.set()


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny encoder's file, its preprocessing inside."""
    path = tmp_path_factory.mktemp("encoder") / "tiny.onnx"
    onnx.save(tiny_model(), path)
    return path


@pytest.fixture
def steered(tiny: Path) -> Steered:
    return Steered(tiny)


@pytest.fixture(scope="session")
def build_model() -> Callable[..., Any]:
    return tiny_model


@pytest.fixture(scope="session")
def expected() -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float64]]:
    return tiny_vector


@pytest.fixture(scope="session")
def pictures() -> npt.NDArray[np.uint8]:
    """100 pictures of noise, (100, 8, 8, 3), which the tiny encoder sees unresized."""
    return np.random.default_rng(1).integers(0, 250, (100, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def pngs(pictures: npt.NDArray[np.uint8], encode: Callable[..., bytes]) -> list[bytes]:
    """The same pictures as PNG."""
    return [encode(Image.fromarray(picture), "PNG") for picture in pictures]
