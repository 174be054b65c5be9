"""Refusals over a real connection: what a service raises is what its caller catches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc
from vicinal.wire import errors
from vicinal.wire.status import CODES, from_rpc_error, to_status

REFUSALS = [
    errors.InvalidArgument("OUT_OF_RANGE", "too many", field="labels[3].trust", limit=2, value=7),
    errors.InvalidArgument("BAD_TENSOR", "kein Maß: 尺寸\n", field="größe", expected="尺寸", value="🙂"),
    errors.NotFound("UNKNOWN_SAMPLE", "no such sample", field="sample_ids[0]", value=""),
    errors.AlreadyExists("DATASET_EXISTS", "it is there", field="name", value="pets"),
    errors.FailedPrecondition("NOTHING_TO_PROPAGATE", "label something first"),
    errors.Aborted("REVISION_AHEAD", "not there yet", retry_after=0.25, field="min_revision"),
    errors.ResourceExhausted("QUEUE_FULL", "come back later", retry_after=1.5, limit=64),
    errors.Unavailable("LOG_UNAVAILABLE", "the log is away", retry_after=0.0),
    errors.DataLoss("LOG_DAMAGED", "a person must look"),
]


class Refuser(embed_pb2_grpc.EmbeddingServiceServicer):
    """Refuses every call with `error`."""

    error: errors.ServiceError

    def GetModel(self, request, context):  # noqa: N802 (the contract's name)
        context.abort_with_status(to_status(self.error, "embed.vicinal"))


@pytest.fixture(scope="module")
def refuser():
    return Refuser()


@pytest.fixture(scope="module")
def address(refuser):
    server = grpc.server(ThreadPoolExecutor(1))
    embed_pb2_grpc.add_EmbeddingServiceServicer_to_server(refuser, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


def call(address):
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
        embed_pb2_grpc.EmbeddingServiceStub(channel).GetModel(embed_pb2.GetModelRequest(), timeout=10)
    return caught.value


async def call_async(address):
    async with grpc.aio.insecure_channel(address) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            await embed_pb2_grpc.EmbeddingServiceStub(channel).GetModel(
                embed_pb2.GetModelRequest(), timeout=10
            )
    return caught.value


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: error.reason)
async def test_a_refusal_survives_the_wire(refuser, address, error):
    refuser.error = error
    for failure in (call(address), await call_async(address)):
        assert failure.code() is CODES[type(error)]
        back = from_rpc_error(failure)
        assert type(back) is type(error)
        assert (back.reason, back.message) == (error.reason, error.message)
        assert (back.metadata, back.retry_after) == (error.metadata, error.retry_after)
        assert str(back) == error.message


@pytest.mark.parametrize("filler", ["x", "é", "🙂"])
def test_long_quotes_are_cut_so_that_the_reason_arrives(refuser, address, filler):
    long = filler * 100_000
    refuser.error = errors.InvalidArgument("MALFORMED", long, field=long, limit=long, value=long)
    back = from_rpc_error(call(address))
    assert back.reason == "MALFORMED"
    for text, limit in [(back.message, 600), *((value, 256) for value in back.metadata.values())]:
        assert len(text.encode()) <= limit
        assert text.startswith(filler * 50)
        assert text.endswith("…")


def test_metadata_of_any_name_is_only_metadata(refuser, address):
    error = errors.NotFound("UNKNOWN_SAMPLE", "no such sample")
    error.metadata = {"reason": "OTHER", "message": "other", "retry_after": "9", "self": "x"}
    refuser.error = error
    back = from_rpc_error(call(address))
    assert (back.reason, back.message, back.retry_after) == ("UNKNOWN_SAMPLE", "no such sample", None)
    assert back.metadata == error.metadata


def test_a_failed_transport_is_no_refusal():
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as caught:
        embed_pb2_grpc.EmbeddingServiceStub(channel).GetModel(embed_pb2.GetModelRequest(), timeout=10)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert from_rpc_error(caught.value) is None


def test_every_refusal_has_a_code_of_its_own():
    kinds = set(errors.ServiceError.__subclasses__())
    assert kinds == set(CODES)
    assert len(set(CODES.values())) == len(CODES)
