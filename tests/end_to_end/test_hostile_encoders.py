"""Hostile requests about staged vectors and lists: the documented code and reason, the service unmoved."""

import uuid

import grpc
import numpy as np
import pytest

from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.graph.v1 import graph_pb2_grpc
from vicinal.wire.status import from_rpc_error
from vicinal.wire.tensors import pack

OWN, OTHER = "ab" * 32, "cd" * 32
Code = grpc.StatusCode


@pytest.fixture(scope="module")
def service(tmp_path_factory, service_at):
    """One service for all of it: whatever the others did, it must still answer."""
    directory = tmp_path_factory.mktemp("hostile")
    with service_at(directory, "graph_service", "--data-dir", str(directory / "data")) as service:
        with grpc.insecure_channel(service.address) as channel:
            stub = graph_pb2_grpc.GraphServiceStub(channel)
            create = pb.CreateDatasetRequest(
                name="d", request_id="create", dimension=2, classes=["a", "b"], encoder_digest=OWN
            )
            stub.CreateDataset(create)
            add = pb.AddSamplesRequest(
                dataset="d",
                request_id="add",
                sample_ids=["s0", "s1"],
                vectors=rows([1, 0], [0, 1]),
                encoder_digest=OWN,
            )
            stub.AddSamples(add)
        yield service


def rows(*values):
    return pack(np.array(values, np.float32))


def staged(**fields):
    given = {"sample_ids": ["s0"], "vectors": rows([1]), "encoder_digest": OTHER}
    return pb.StageVectorsRequest(dataset="d", request_id=str(uuid.uuid4()), **{**given, **fields})


def change(**fields):
    given = {"dataset": "d", "request_id": "r", "encoder_digest": OTHER}
    return pb.ChangeEncoderRequest(**{**given, **fields})


def discard(**fields):
    given = {"dataset": "d", "request_id": "r", "encoder_digest": OTHER}
    return pb.DiscardStagedVectorsRequest(**{**given, **fields})


BAD = {
    "no encoder": ("StageVectors", staged(encoder_digest=""), "FIELD_REQUIRED", "encoder_digest"),
    "digest": ("StageVectors", staged(encoder_digest="xyz"), "MALFORMED", "encoder_digest"),
    "nan": ("StageVectors", staged(vectors=rows([np.nan, 1])), "BAD_VECTOR", "vectors[0]"),
    "rows": ("StageVectors", staged(vectors=rows([1], [1])), "BAD_TENSOR", "vectors.shape"),
    "one axis": ("StageVectors", staged(vectors=rows(1)), "BAD_TENSOR", "vectors.shape"),
    "no tensor": ("StageVectors", staged(vectors=None), "BAD_TENSOR", "vectors.element_type"),
    "wide": (
        "StageVectors",
        staged(vectors=pack(np.ones((1, 5000), np.float32))),
        "OUT_OF_RANGE",
        "vectors.shape[1]",
    ),
    "twice": (
        "StageVectors",
        staged(sample_ids=["s0", "s0"], vectors=rows([1], [1])),
        "DUPLICATE_ID",
        "sample_ids[1]",
    ),
    "none": ("StageVectors", staged(sample_ids=[]), "FIELD_REQUIRED", "sample_ids"),
    "too many": ("StageVectors", staged(sample_ids=["x"] * 1001), "TOO_MANY_ITEMS", "sample_ids"),
    "short hash": ("StageVectors", staged(content_sha256=[b"x"]), "MALFORMED", "content_sha256[0]"),
    "change: no encoder": ("ChangeEncoder", change(encoder_digest=""), "FIELD_REQUIRED", "encoder_digest"),
    "change: request id": ("ChangeEncoder", change(request_id=""), "FIELD_REQUIRED", "request_id"),
    "discard: digest": ("DiscardStagedVectors", discard(encoder_digest="AB"), "MALFORMED", "encoder_digest"),
    "labels: token": (
        "ListLabels",
        pb.ListLabelsRequest(dataset="d", page_token="☃"),
        "BAD_PAGE_TOKEN",
        "page_token",
    ),
    "samples: token": (
        "ListSamples",
        pb.ListSamplesRequest(dataset="d", page_token="AAAA"),
        "BAD_PAGE_TOKEN",
        "page_token",
    ),
}
for value in (0, -1, 2**31):
    for name, request in (("ListLabels", pb.ListLabelsRequest), ("ListSamples", pb.ListSamplesRequest)):
        page = request(dataset="d", page_size=value)
        BAD[f"{name}: page {value}"] = (name, page, "OUT_OF_RANGE", "page_size")

WRONG_STATE = {
    "stage vectors of the own encoder": (
        "StageVectors",
        staged(encoder_digest=OWN),
        Code.FAILED_PRECONDITION,
        "ENCODER_MISMATCH",
        "encoder_digest",
    ),
    "stage for an unknown sample": (
        "StageVectors",
        staged(sample_ids=["nobody"]),
        Code.NOT_FOUND,
        "UNKNOWN_SAMPLE",
        "sample_ids[0]",
    ),
    "change to what nobody staged": (
        "ChangeEncoder",
        change(),
        Code.FAILED_PRECONDITION,
        "ENCODER_MISMATCH",
        "encoder_digest",
    ),
    "discard what nobody staged": (
        "DiscardStagedVectors",
        discard(),
        Code.FAILED_PRECONDITION,
        "ENCODER_MISMATCH",
        "encoder_digest",
    ),
    "an unknown dataset": (
        "ListLabels",
        pb.ListLabelsRequest(dataset="nowhere"),
        Code.NOT_FOUND,
        "UNKNOWN_DATASET",
        "dataset",
    ),
    "revision ahead": (
        "ListSamples",
        pb.ListSamplesRequest(dataset="d", min_revision=10**9),
        Code.ABORTED,
        "REVISION_AHEAD",
        "min_revision",
    ),
}


def refused(service, method, request):
    """The code and the refusal; the dataset is what it was before."""
    with grpc.insecure_channel(service.address) as channel:
        stub = graph_pb2_grpc.GraphServiceStub(channel)
        before = stub.GetDataset(pb.GetDatasetRequest(dataset="d"))
        with pytest.raises(grpc.RpcError) as failure:
            getattr(stub, method)(request, timeout=20)
        assert stub.GetDataset(pb.GetDatasetRequest(dataset="d")) == before
    assert service.serving()
    return failure.value.code(), from_rpc_error(failure.value)


@pytest.mark.parametrize("case", BAD)
def test_bad_input(service, case):
    method, request, reason, field = BAD[case]
    code, refusal = refused(service, method, request)
    assert (code, refusal.reason, refusal.field) == (Code.INVALID_ARGUMENT, reason, field)


@pytest.mark.parametrize("case", WRONG_STATE)
def test_good_input_in_the_wrong_state(service, case):
    method, request, code, reason, field = WRONG_STATE[case]
    found, refusal = refused(service, method, request)
    assert (found, refusal.reason, refusal.field) == (code, reason, field)
