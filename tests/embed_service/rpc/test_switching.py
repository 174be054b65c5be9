"""Several encoders side by side, and switches between them while callers are at work, over a real socket."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import onnx
import pytest
from grpc_health.v1 import health_pb2
from PIL import Image

from embed_service.encoder.model import Encoder
from vicinal.embed.v1 import embed_pb2
from vicinal.wire.errors import FailedPrecondition, InvalidArgument, NotFound, ServiceError
from vicinal.wire.status import from_rpc_error
from vicinal.wire.tensors import unpack

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING

NAMES = ("one", "two", "three")


@dataclass(frozen=True)
class Folder:
    """A folder with three encoders, `bad.onnx`, and what the encoders make of the pictures."""

    path: Path
    digests: dict[str, str]
    vectors: dict[str, npt.NDArray[np.float32]]

    @property
    def flag(self) -> tuple[str, str]:
        return "--encoder-folder", str(self.path)

    def name_of(self, digest: str) -> str:
        return next(name for name, other in self.digests.items() if other == digest)

    def check(self, digest: str, numbers: list[int], vectors: npt.NDArray[np.float32]) -> None:
        """The vectors are what the encoder of this digest makes of the pictures of these numbers."""
        np.testing.assert_allclose(vectors, self.vectors[digest][numbers], atol=1e-5)


@pytest.fixture(scope="session")
def folder(
    tmp_path_factory: pytest.TempPathFactory, build_model: Callable[..., Any], tiny: Path, pngs: list[bytes]
) -> Folder:
    path = tmp_path_factory.mktemp("encoders")
    (path / "bad.onnx").write_bytes(b"no model")
    images = [Image.open(BytesIO(png)).convert("RGB") for png in pngs]
    digests, vectors = {}, {}
    form = (
        '{"size": 8, "resize": "bilinear", "fit": "stretch", "mean": MEAN, "std": [1, 1, 1], "name": "NAME"}'
    )
    for number, name in enumerate(NAMES):
        metadata = form.replace("MEAN", str([0.1 + 0.2 * number] * 3)).replace("NAME", name)
        onnx.save(build_model(metadata=metadata), path / f"{name}.onnx")
    for name, file in {"tiny": tiny, **{name: path / f"{name}.onnx" for name in NAMES}}.items():
        encoder = Encoder(file, device="cpu", threads=1)
        digests[name] = encoder.digest
        vectors[encoder.digest] = encoder.embed([encoder.input_of(image) for image in images])
    return Folder(path, digests, vectors)


async def load(service: Any, name: str, *, make_default: bool = False) -> embed_pb2.Model:
    request = embed_pb2.LoadModelRequest(file=f"{name}.onnx", make_default=make_default)
    return (await service.stub.LoadModel(request)).model


async def unload(service: Any, digest: str) -> None:
    await service.stub.UnloadModel(embed_pb2.UnloadModelRequest(encoder_digest=digest))


async def listed(service: Any) -> dict[str, embed_pb2.Model]:
    models = (await service.stub.ListModels(embed_pb2.ListModelsRequest())).models
    return {model.name: model for model in models}


async def refusal(call: Any) -> ServiceError:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    error = from_rpc_error(caught.value)
    assert error is not None, caught.value
    return error


async def test_switches_under_load_fail_no_call(start: Any, folder: Folder, pngs: list[bytes]) -> None:
    """Callers of both kinds hammer the service while the default goes round three times."""
    service = await start(*folder.flag)
    over = asyncio.Event()
    seen: Counter[str] = Counter()

    async def call(number: int) -> None:
        while not over.is_set():
            number = (number + 7) % 90
            response = await service.stub.Embed(embed_pb2.EmbedRequest(images=pngs[number : number + 3]))
            vectors = unpack(response.embeddings, "embeddings")
            folder.check(response.encoder_digest, [number, number + 1, number + 2], vectors)
            seen[response.encoder_digest] += 1

    async def stream(number: int) -> None:
        """A stream is pinned by its first image to whatever is the default then."""
        while not over.is_set():
            digests = set()
            requests = [
                embed_pb2.StreamEmbedRequest(index=i, image=pngs[i]) for i in range(number, number + 20)
            ]
            async for answer in service.stub.StreamEmbed(iter(requests)):
                vector = unpack(answer.embedding, "embedding")
                folder.check(answer.encoder_digest, [answer.index], vector[np.newaxis])
                digests.add(answer.encoder_digest)
            assert len(digests) == 1
            seen.update(digests)

    callers = [asyncio.create_task(call(number)) for number in range(6)]
    callers += [asyncio.create_task(stream(10 * number)) for number in range(3)]
    before = folder.digests["tiny"]
    for name in (*NAMES, *NAMES, *NAMES):
        model = await load(service, name, make_default=True)
        assert (model.is_default, model.ready) == (True, True)
        await unload(service, before)
        before = model.encoder_digest
        assert list(await listed(service)) == [name]
        had = seen[before]
        while seen[before] < had + 5 and not any(caller.done() for caller in callers):
            await asyncio.sleep(0.005)
    over.set()
    await asyncio.gather(*callers)
    assert set(seen) == set(folder.digests.values())
    assert await service.health() == SERVING


async def test_encoders_side_by_side_are_chosen_by_digest(
    start: Any, folder: Folder, pngs: list[bytes]
) -> None:
    service = await start(*folder.flag, "--encoder", str(folder.path / "one.onnx"))
    await load(service, "two")
    models = await listed(service)
    assert [(name, model.is_default, model.ready) for name, model in models.items()] == [
        ("tiny", True, True),
        ("one", False, True),
        ("two", False, True),
    ]
    assert [model.file for model in models.values()] == ["tiny.onnx", "one.onnx", "two.onnx"]
    files = (await service.stub.ListModels(embed_pb2.ListModelsRequest())).files
    assert list(files) == ["bad.onnx", "one.onnx", "three.onnx", "two.onnx"]
    for name in ("tiny", "one", "two", ""):
        digest = folder.digests[name or "tiny"]
        request = embed_pb2.EmbedRequest(images=pngs[:4], encoder_digest=digest if name else "")
        response = await service.stub.Embed(request)
        assert response.encoder_digest == digest
        folder.check(digest, [0, 1, 2, 3], unpack(response.embeddings, "embeddings"))
        asked = embed_pb2.GetModelRequest(encoder_digest=request.encoder_digest)
        assert (await service.stub.GetModel(asked)).encoder_digest == digest


async def test_a_file_is_loaded_once(start: Any, folder: Folder) -> None:
    service = await start(*folder.flag)
    first, again = await asyncio.gather(load(service, "one"), load(service, "one"))
    assert first == again
    assert list(await listed(service)) == ["tiny", "one"]
    assert (await load(service, "one", make_default=True)).is_default
    assert (await listed(service))["tiny"].is_default is False


async def test_unloading_waits_for_streams_and_lets_nobody_else_in(
    start: Any, folder: Folder, pngs: list[bytes]
) -> None:
    service = await start(*folder.flag)
    old = folder.digests["tiny"]
    go_on = asyncio.Event()

    async def requests() -> AsyncIterator[embed_pb2.StreamEmbedRequest]:
        for index in range(6):
            yield embed_pb2.StreamEmbedRequest(index=index, image=pngs[index])
            if index == 2:
                await go_on.wait()

    answers = aiter(service.stub.StreamEmbed(requests()))
    first = await anext(answers)
    await load(service, "one", make_default=True)
    unloading = asyncio.create_task(unload(service, old))
    while "tiny" in await listed(service):
        await asyncio.sleep(0.005)
    late = await refusal(service.stub.Embed(embed_pb2.EmbedRequest(images=pngs[:1], encoder_digest=old)))
    assert isinstance(late, FailedPrecondition)
    assert late.reason == "ENCODER_MISMATCH"
    assert late.metadata["expected"] == folder.digests["one"]
    assert not unloading.done()
    go_on.set()
    every = [first, *[answer async for answer in answers]]
    assert sorted(answer.index for answer in every) == list(range(6))
    assert {answer.encoder_digest for answer in every} == {old}
    for answer in every:
        folder.check(old, [answer.index], unpack(answer.embedding, "embedding")[np.newaxis])
    await unloading


async def test_who_stops_waiting_does_not_stop_the_unloading_and_memory_is_freed(
    start: Any, folder: Folder, pngs: list[bytes]
) -> None:
    service = await start(*folder.flag)
    digest = (await load(service, "one")).encoder_digest
    encoder = weakref.ref(service.registry.find(digest).encoder)
    stream = service.stub.StreamEmbed()
    await stream.write(embed_pb2.StreamEmbedRequest(image=pngs[0], encoder_digest=digest))
    await stream.read()
    request = embed_pb2.UnloadModelRequest(encoder_digest=digest)
    with pytest.raises(grpc.RpcError) as caught:
        await service.stub.UnloadModel(request, timeout=0.2)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert encoder() is not None
    await stream.write(embed_pb2.StreamEmbedRequest(index=1, image=pngs[1]))
    assert (await stream.read()).encoder_digest == digest
    await stream.done_writing()
    assert await stream.read() == grpc.aio.EOF
    while encoder() is not None:
        gc.collect()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("rpc", "value", "kind", "reason"),
    [
        ("Load", "", InvalidArgument, "FIELD_REQUIRED"),
        ("Load", "../one.onnx", InvalidArgument, "BAD_FILE_NAME"),
        ("Load", "none.onnx", NotFound, "FILE_NOT_FOUND"),
        ("Load", "bad.onnx", FailedPrecondition, "MODEL_UNUSABLE"),
        ("Load", "two.onnx", FailedPrecondition, "TOO_MANY_MODELS"),
        ("SetDefault", "", InvalidArgument, "FIELD_REQUIRED"),
        ("SetDefault", "0", NotFound, "MODEL_NOT_FOUND"),
        ("Unload", "", InvalidArgument, "FIELD_REQUIRED"),
        ("Unload", "0", NotFound, "MODEL_NOT_FOUND"),
        ("Unload", "tiny", FailedPrecondition, "MODEL_IS_DEFAULT"),
    ],
)
async def test_refusals(
    start: Any, folder: Folder, rpc: str, value: str, kind: type[ServiceError], reason: str
) -> None:
    service = await start(*folder.flag, "--max-models", "2", "--encoder", str(folder.path / "one.onnx"))
    field = "file" if rpc == "Load" else "encoder_digest"
    given = folder.digests.get(value, value)
    request = getattr(embed_pb2, f"{rpc}ModelRequest")(**{field: given})
    error = await refusal(getattr(service.stub, f"{rpc}Model")(request))
    assert (type(error), error.reason) == (kind, reason)
    documented = {"FIELD_REQUIRED": {"field": field}, "TOO_MANY_MODELS": {"limit": "2"}}
    assert error.metadata == documented.get(reason, {"field": field, "value": given})
    assert list(await listed(service)) == ["tiny", "one"]
    assert await service.health() == SERVING


async def test_without_a_folder_nothing_is_loaded(start: Any) -> None:
    service = await start()
    error = await refusal(service.stub.LoadModel(embed_pb2.LoadModelRequest(file="one.onnx")))
    assert (type(error), error.reason) == (FailedPrecondition, "NO_ENCODER_FOLDER")


async def test_an_encoder_that_does_not_run_is_not_taken_in(
    start: Any, folder: Folder, tmp_path: Path, build_model: Callable[..., Any], pngs: list[bytes]
) -> None:
    """It loads, and fails when it is warmed up."""
    model = build_model()
    table = next(tensor for tensor in model.graph.initializer if tensor.name == "table")
    table.CopyFrom(onnx.numpy_helper.from_array(np.zeros((0, 16), dtype=np.float32), "table"))
    onnx.save(model, tmp_path / "broken.onnx")
    service = await start("--encoder-folder", str(tmp_path))
    request = embed_pb2.LoadModelRequest(file="broken.onnx", make_default=True)
    error = await refusal(service.stub.LoadModel(request))
    assert (type(error), error.reason) == (FailedPrecondition, "MODEL_UNUSABLE")
    assert "does not run" in error.message
    assert (await service.stub.Embed(embed_pb2.EmbedRequest(images=pngs[:1]))).results
    assert list(await listed(service)) == ["tiny"]


async def test_health_is_that_of_the_default(start: Any, folder: Folder, pngs: list[bytes]) -> None:
    service = await start(*folder.flag)
    digest = (await load(service, "one")).encoder_digest
    service.registry.find(digest).encoder.broken = True
    error = await refusal(service.stub.Embed(embed_pb2.EmbedRequest(images=pngs[:1], encoder_digest=digest)))
    assert error.reason == "INFERENCE_FAILED"
    assert await service.health() == SERVING
    assert (await service.stub.Embed(embed_pb2.EmbedRequest(images=pngs[:1]))).results
    assert {name: model.ready for name, model in (await listed(service)).items()} == {
        "tiny": True,
        "one": False,
    }
    await service.stub.SetDefaultModel(embed_pb2.SetDefaultModelRequest(encoder_digest=digest))
    assert await service.health() == NOT_SERVING
    service.registry.find(digest).encoder.broken = False
    while await service.health() != SERVING:
        await asyncio.sleep(0.02)
