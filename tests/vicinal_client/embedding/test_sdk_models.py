"""Several encoders behind one service: what the client asks for and what it makes of the answers."""

from __future__ import annotations

import numpy as np
import pytest

from vicinal.embed.v1 import embed_pb2
from vicinal.wire.tensors import pack
from vicinal_client import FailedPrecondition, LoadedModel, Models, NotFound, Priority

OLD = embed_pb2.Model(
    encoder_digest="0" * 64,
    name="old",
    dimension=4,
    preprocessing_json="{}",
    provider="CPUExecutionProvider",
    file="old.onnx",
    is_default=True,
    ready=True,
)
NEW = embed_pb2.Model(encoder_digest="1" * 64, name="new", dimension=8, file="new.onnx")


def loaded(message):
    names = [field.name for field in message.DESCRIPTOR.fields]
    return LoadedModel(**{name: getattr(message, name) for name in names})


def test_the_encoders_are_listed(embed, embed_script):
    embed_script.answers["ListModels"] = lambda _: embed_pb2.ListModelsResponse(
        models=[OLD, NEW], files=["new.onnx", "old.onnx"]
    )
    assert embed.models() == Models((loaded(OLD), loaded(NEW)), ("new.onnx", "old.onnx"))


def test_a_switch(embed, embed_script):
    embed_script.answers["LoadModel"] = lambda _: embed_pb2.LoadModelResponse(model=NEW)
    embed_script.answers["SetDefaultModel"] = lambda _: embed_pb2.SetDefaultModelResponse(model=NEW)
    embed_script.answers["UnloadModel"] = lambda _: embed_pb2.UnloadModelResponse()
    assert embed.load_model("new.onnx", make_default=True) == loaded(NEW)
    assert embed.load_model("new.onnx") == loaded(NEW)
    assert embed.set_default_model(NEW.encoder_digest) == loaded(NEW)
    assert embed.unload_model(OLD.encoder_digest) is None
    assert embed_script.requests("LoadModel") == [
        embed_pb2.LoadModelRequest(file="new.onnx", make_default=True),
        embed_pb2.LoadModelRequest(file="new.onnx"),
    ]
    assert embed_script.requests("SetDefaultModel")[0].encoder_digest == NEW.encoder_digest
    assert embed_script.requests("UnloadModel")[0].encoder_digest == OLD.encoder_digest


def test_refusals_are_what_the_service_says(embed, embed_script):
    def gone(_):
        raise NotFound("MODEL_NOT_FOUND", "no such encoder", field="encoder_digest", value="1")

    def default(_):
        raise FailedPrecondition("MODEL_IS_DEFAULT", "make another the default first")

    embed_script.answers["SetDefaultModel"], embed_script.answers["UnloadModel"] = gone, default
    with pytest.raises(NotFound) as caught:
        embed.set_default_model("1")
    assert (caught.value.reason, caught.value.metadata["value"]) == ("MODEL_NOT_FOUND", "1")
    with pytest.raises(FailedPrecondition):
        embed.unload_model("0")


def test_one_of_several_is_asked_about(kit, embed, embed_script, serving):
    serving(None)
    embed.model(NEW.encoder_digest)
    assert embed_script.requests("GetModel")[0].encoder_digest == NEW.encoder_digest


@pytest.mark.parametrize(
    ("priority", "sent"),
    [
        (None, embed_pb2.PRIORITY_UNSPECIFIED),
        (Priority.INTERACTIVE, embed_pb2.PRIORITY_INTERACTIVE),
        (Priority.BULK, embed_pb2.PRIORITY_BULK),
    ],
)
def test_priority_and_cached_travel(kit, embed, embed_script, serving, priority, sent):
    def answer(request):
        results = [embed_pb2.ImageResult(cached=True), embed_pb2.ImageResult()]
        return embed_pb2.EmbedResponse(embeddings=pack(np.ones((2, 4), np.float32)), results=results)

    async def stream(requests, context):
        async for request in requests:
            response = kit.answer_to(request)
            response.result.cached = request.priority == sent
            yield response

    embed_script.answers["Embed"] = answer
    serving(stream)
    assert embed.embed([b"a", b"b"], priority=priority).cached == (True, False)
    assert embed_script.requests("Embed")[0].priority == sent
    outcomes = list(embed.embed_many(kit.pictures(3), priority=priority))
    assert [outcome.cached for outcome in outcomes] == [True] * 3
