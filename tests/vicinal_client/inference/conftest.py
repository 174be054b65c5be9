"""Our service with the starter encoder, and servers of another make with the same ONNX file.

The latter are written from Triton's own stubs and run what they are sent, one request at a time: as Triton
serves the file from a model repository, with nothing said of images or of their preprocessing.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from PIL import Image
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import deserialize_bytes_tensor

from embed_service.__main__ import assemble
from embed_service.encoder.model import Encoder
from embed_service.flags import parser
from embed_service.starter import STARTER_ENCODER

Array = npt.NDArray[Any]


class StandIn(service_pb2_grpc.GRPCInferenceServiceServicer):
    """A server of one model, `lite0`, which takes float tensors, at most 8 pictures in a request.

    Attributes:
        metadata: what it says of the model.
        failures: status codes to refuse the next requests with.
        requests: those that were answered.
        ready: whether the model is.
        over: released whenever a request is, answered or not.
        change: what becomes of the features of a batch before they are sent.
        address: where it listens.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._session = onnxruntime.InferenceSession(STARTER_ENCODER)
        self._input, self._output = encoder.input_name, encoder.output_name
        self.preprocessing = encoder.preprocessing
        self.metadata = service_pb2.ModelMetadataResponse(name="lite0", versions=["1", "10", "9"])
        self.metadata.inputs.add(name=self._input, datatype="FP32", shape=[-1, *encoder.input_shape])
        self.metadata.outputs.add(name="places", datatype="INT64", shape=[-1, 4])
        self.metadata.outputs.add(name=self._output, datatype="FP32", shape=[-1, encoder.dimension])
        self.failures: list[grpc.StatusCode] = []
        self.requests: list[service_pb2.ModelInferRequest] = []
        self.ready = True
        self.over = threading.Semaphore(0)
        self.change: Callable[[Array], Array] = lambda features: features
        self.address = ""

    @property
    def batches(self) -> list[int]:
        return [request.inputs[0].shape[0] for request in self.requests]

    def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=self.ready and request.name == "lite0")

    def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.name != "lite0":
            context.abort(grpc.StatusCode.NOT_FOUND, f"unknown model '{request.name}'")
        return self.metadata

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        context.add_callback(self.over.release)
        if self.failures:
            context.abort(self.failures.pop(0), "as the test wants it")
        if request.inputs[0].shape[0] > 8:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "batch-size must be <= 8 for 'lite0'")
        batch = self.batch(request, context)
        features = self.change(self._session.run([self._output], {self._input: batch})[0])
        self.requests.append(request)
        answer = service_pb2.ModelInferResponse(model_name="lite0", model_version=request.model_version)
        answer.outputs.add(name=self._output, datatype="FP32", shape=features.shape)
        answer.raw_output_contents.append(features.tobytes())
        return answer

    def batch(self, request: Any, context: Any) -> Array:
        """What the request holds, as the model takes it."""
        return np.frombuffer(request.raw_input_contents[0], "<f4").reshape(tuple(request.inputs[0].shape))


class FilesStandIn(StandIn):
    """One whose model takes encoded files, and fails the whole request over a bad one."""

    datatype, shape = "BYTES", (-1, 1)

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder)
        del self.metadata.inputs[:]
        self.metadata.inputs.add(name="FILES", datatype=self.datatype, shape=self.shape)

    def files(self, request: Any) -> list[bytes]:
        """The files in the request."""
        found: list[bytes] = deserialize_bytes_tensor(request.raw_input_contents[0]).tolist()
        assert request.inputs[0].shape == [len(found), 1]
        return found

    def batch(self, request: Any, context: Any) -> Array:
        files = self.files(request)
        try:
            pictures = [Image.open(io.BytesIO(file)).convert("RGB") for file in files]
        except OSError as error:
            context.abort(grpc.StatusCode.INTERNAL, f"in ensemble 'lite0', {error}\n  Traceback")
        return self.preprocessing.normalised(np.stack([self.preprocessing.resized(p) for p in pictures]))


class RowsStandIn(FilesStandIn):
    """One that takes each file as a row of bytes, as an ensemble with a decoder of DALI's does."""

    datatype, shape = "UINT8", (-1, -1)

    def files(self, request: Any) -> list[bytes]:
        (file,) = request.raw_input_contents
        assert request.inputs[0].shape == [1, len(file)]
        return [file]


@pytest.fixture(scope="session")
def encoder() -> Encoder:
    return Encoder(STARTER_ENCODER, device="cpu", threads=1)


@pytest.fixture(scope="session")
def ours(background: Any, encoder: Encoder) -> Any:
    """The address of our service."""

    async def started() -> Any:
        service = assemble(parser().parse_args(["--port", "0", "--grace", "0.1"]), [encoder], Encoder)
        await service.server.start()
        await service.start()
        return service

    async def stopped() -> None:
        await service.server.stop()
        await service.close()

    service = background.run(started())
    yield service.server.address
    background.run(stopped())


@pytest.fixture
def stand_in(encoder: Encoder) -> Any:
    """Starts a stand-in and stops it at the end: `stand_in(StandIn)`."""
    servers = []

    def begin(kind: type[StandIn]) -> StandIn:
        servicer = kind(encoder)
        server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
        servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        servers.append(server)
        return servicer

    yield begin
    for server in servers:
        server.stop(None).wait()


@pytest.fixture
def triton(stand_in: Any) -> StandIn:
    return stand_in(StandIn)


@pytest.fixture(params=[FilesStandIn, RowsStandIn])
def files_triton(stand_in: Any, request: Any) -> StandIn:
    return stand_in(request.param)


@pytest.fixture(scope="session")
def photos(encode: Any) -> list[bytes]:
    """20 pictures of many sizes, formats and colour modes, some of them turned by their EXIF."""
    chance = np.random.default_rng(3)
    found = []
    for number in range(20):
        kind = ("JPEG", "PNG", "WEBP", "GIF")[number % 4]
        small = chance.integers(0, 256, (5, 6, 3 + (kind == "PNG")), dtype=np.uint8)
        size = tuple(chance.integers(40, 300, 2).tolist())
        image = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
        exif = Image.Exif()
        exif[0x0112] = 1 + number % 8
        found.append(encode(image, kind, **({} if kind == "GIF" else {"exif": exif})))
    return found
