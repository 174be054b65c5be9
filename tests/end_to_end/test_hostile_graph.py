"""Hostile requests on the wire: the documented code and reason, the field named, the service unmoved."""

import uuid

import grpc
import numpy as np
import pytest

from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.graph.v1 import graph_pb2_grpc
from vicinal.types.v1 import tensor_pb2
from vicinal.wire.status import from_rpc_error
from vicinal.wire.tensors import pack

ENCODER = "ab" * 32
LIMIT_BYTES = 4 * 1024 * 1024
Code = grpc.StatusCode


@pytest.fixture(scope="module")
def service(tmp_path_factory, service_at):
    """One service for all of it: whatever the others did, it must still answer."""
    directory = tmp_path_factory.mktemp("hostile")
    flags = ["--data-dir", str(directory / "data"), "--max-message-bytes", str(LIMIT_BYTES)]
    with service_at(directory, "graph_service", *flags) as service:
        with grpc.insecure_channel(service.address) as channel:
            stub = graph_pb2_grpc.GraphServiceStub(channel)
            stub.CreateDataset(create(name="d", encoder_digest=ENCODER))
            stub.AddSamples(samples(["s0", "s1"], rows([1, 0], [0, 1])))
        yield service


@pytest.fixture
def stub(service):
    """Calls on the service, which must be SERVING and unchanged when the test is over."""
    with grpc.insecure_channel(service.address) as channel:
        stub = graph_pb2_grpc.GraphServiceStub(channel)
        before = stub.GetDataset(pb.GetDatasetRequest(dataset="d")).dataset
        yield stub
        after = stub.GetDataset(pb.GetDatasetRequest(dataset="d")).dataset
        before.revision = after.revision  # a test may write what changes nothing
        assert after == before
    assert service.serving()


def rows(*values):
    return pack(np.array(values, np.float32))


def samples(ids, vectors, **fields):
    return pb.AddSamplesRequest(
        dataset="d",
        request_id=str(uuid.uuid4()),
        sample_ids=ids,
        vectors=vectors,
        encoder_digest=ENCODER,
        **fields,
    )


def labels(*labels):
    return pb.AddLabelsRequest(dataset="d", request_id=str(uuid.uuid4()), labels=labels)


def create(**fields):
    given = {"name": "e", "request_id": str(uuid.uuid4()), "dimension": 2, "classes": ["a", "b"]}
    return pb.CreateDatasetRequest(**{**given, **fields})


GOOD = rows([1, 0])
BIG = 2**31
HUGE_ID = "x" * 4096

HOSTILE = {
    "nan": ("AddSamples", samples(["x"], rows([np.nan, 1])), "BAD_VECTOR", "vectors[0]"),
    "infinity": ("AddSamples", samples(["x"], rows([np.inf, 1])), "BAD_VECTOR", "vectors[0]"),
    "zero vector": ("AddSamples", samples(["x", "y"], rows([1, 0], [0, 0])), "BAD_VECTOR", "vectors[1]"),
    "dimension": ("AddSamples", samples(["x"], rows([1, 0, 0])), "BAD_TENSOR", "vectors.shape"),
    "rows": ("AddSamples", samples(["x", "y"], GOOD), "BAD_TENSOR", "vectors.shape"),
    "tensor bytes": (
        "AddSamples",
        samples(["x"], tensor_pb2.Tensor(element_type=1, shape=[1, 2], data=b"abc")),
        "BAD_TENSOR",
        "vectors.data",
    ),
    "tensor shape": (
        "AddSamples",
        samples(["x"], tensor_pb2.Tensor(element_type=1, shape=[2**62, 4], data=b"")),
        "BAD_TENSOR",
        "vectors.shape",
    ),
    "integer vectors": (
        "AddSamples",
        samples(["x"], pack(np.ones((1, 2), np.int32))),
        "BAD_TENSOR",
        "vectors.element_type",
    ),
    "no tensor": ("AddSamples", samples(["x"], None), "BAD_TENSOR", "vectors.element_type"),
    "empty batch": ("AddSamples", samples([], GOOD), "FIELD_REQUIRED", "sample_ids"),
    "too many": ("AddSamples", samples(["x"] * 1001, GOOD), "TOO_MANY_ITEMS", "sample_ids"),
    "duplicate ids": (
        "AddSamples",
        samples(["x", "x"], rows([1, 0], [0, 1])),
        "DUPLICATE_ID",
        "sample_ids[1]",
    ),
    "NUL in id": ("AddSamples", samples(["a\0b"], GOOD), "MALFORMED", "sample_ids[0]"),
    "4 KB id": ("AddSamples", samples([HUGE_ID], GOOD), "OUT_OF_RANGE", "sample_ids[0]"),
    "empty id": ("AddSamples", samples([""], GOOD), "FIELD_REQUIRED", "sample_ids[0]"),
    "short hash": (
        "AddSamples",
        samples(["x"], GOOD, content_sha256=[b"x"]),
        "MALFORMED",
        "content_sha256[0]",
    ),
    "label: unknown class": (
        "AddLabels",
        labels(pb.Label(sample_id="s0", class_name="?")),
        "UNKNOWN_CLASS",
        "labels[0].class_name",
    ),
    "label: 4 KB annotator": (
        "AddLabels",
        labels(pb.Label(sample_id="s0", class_name="a", annotator=HUGE_ID)),
        "OUT_OF_RANGE",
        "labels[0].annotator",
    ),
    "label: trust": (
        "AddLabels",
        labels(pb.Label(sample_id="s0", class_name="a", trust=9)),
        "OUT_OF_RANGE",
        "labels[0].trust",
    ),
    "label: twice": (
        "AddLabels",
        labels(pb.Label(sample_id="s0", class_name="a"), pb.Label(sample_id="s0", class_name="b")),
        "DUPLICATE_ID",
        "labels[1]",
    ),
    "label: none": ("AddLabels", labels(), "FIELD_REQUIRED", "labels"),
    "request id: none": (
        "AddLabels",
        pb.AddLabelsRequest(dataset="d", labels=[pb.Label(sample_id="s0", class_name="a")]),
        "FIELD_REQUIRED",
        "request_id",
    ),
    "dataset: none": ("GetDataset", pb.GetDatasetRequest(), "FIELD_REQUIRED", "dataset"),
    "create: name": ("CreateDataset", create(name="../e"), "MALFORMED", "name"),
    "create: one class": ("CreateDataset", create(classes=["a"]), "OUT_OF_RANGE", "classes"),
    "create: class twice": ("CreateDataset", create(classes=["a", "a"]), "DUPLICATE_ID", "classes[1]"),
    "create: digest": ("CreateDataset", create(encoder_digest="xyz"), "MALFORMED", "encoder_digest"),
    "create: temperature": (
        "CreateDataset",
        create(propagation=pb.PropagationSettings(temperature=1e-4)),
        "OUT_OF_RANGE",
        "propagation.temperature",
    ),
    "create: method": (
        "CreateDataset",
        create(propagation=pb.PropagationSettings(method=77)),
        "OUT_OF_RANGE",
        "propagation.method",
    ),
    "suggest: audit share": (
        "SuggestSamples",
        pb.SuggestSamplesRequest(dataset="d", audit_share=1.5),
        "OUT_OF_RANGE",
        "audit_share",
    ),
    "accuracy: target": (
        "EstimateAccuracy",
        pb.EstimateAccuracyRequest(dataset="d", target=1),
        "OUT_OF_RANGE",
        "target",
    ),
    "accuracy: level": (
        "EstimateAccuracy",
        pb.EstimateAccuracyRequest(dataset="d", level=float("nan")),
        "OUT_OF_RANGE",
        "level",
    ),
    "suggest: evidence": (
        "SuggestSamples",
        pb.SuggestSamplesRequest(dataset="d", evidence_count=101),
        "OUT_OF_RANGE",
        "evidence_count",
    ),
    "suggest: strategy": (
        "SuggestSamples",
        pb.SuggestSamplesRequest(dataset="d", strategy=99),
        "OUT_OF_RANGE",
        "strategy",
    ),
    "suspicion": (
        "FlagErrors",
        pb.FlagErrorsRequest(dataset="d", min_suspicion=float("nan")),
        "OUT_OF_RANGE",
        "min_suspicion",
    ),
    "flags: kind": ("FlagErrors", pb.FlagErrorsRequest(dataset="d", kind=9), "OUT_OF_RANGE", "kind"),
    "flags: budget": ("FlagErrors", pb.FlagErrorsRequest(dataset="d", budget=0), "OUT_OF_RANGE", "budget"),
    "flags: precision": (
        "FlagErrors",
        pb.FlagErrorsRequest(dataset="d", target_precision=0.0),
        "OUT_OF_RANGE",
        "target_precision",
    ),
    "flags: precision of outliers": (
        "FlagErrors",
        pb.FlagErrorsRequest(dataset="d", kind=pb.FLAG_KIND_OUTLIER, target_precision=0.9),
        "OUT_OF_RANGE",
        "target_precision",
    ),
    "noise: level": (
        "EstimateNoise",
        pb.EstimateNoiseRequest(dataset="d", level=1.0),
        "OUT_OF_RANGE",
        "level",
    ),
    "page token": (
        "ExportBeliefs",
        pb.ExportBeliefsRequest(dataset="d", page_token="☃"),
        "BAD_PAGE_TOKEN",
        "page_token",
    ),
    "classify: none": (
        "Classify",
        pb.ClassifyRequest(dataset="d", encoder_digest=ENCODER, vectors=pack(np.ones((0, 2), np.float32))),
        "FIELD_REQUIRED",
        "vectors",
    ),
    "classify: nan": (
        "Classify",
        pb.ClassifyRequest(dataset="d", encoder_digest=ENCODER, vectors=rows([np.nan, 0])),
        "BAD_VECTOR",
        "vectors[0]",
    ),
}
for value in (0, -1, BIG):
    HOSTILE |= {
        f"dimension {value}": ("CreateDataset", create(dimension=value), "OUT_OF_RANGE", "dimension"),
        f"neighbours {value}": ("CreateDataset", create(neighbours=value), "OUT_OF_RANGE", "neighbours"),
        f"steps {value}": (
            "CreateDataset",
            create(propagation=pb.PropagationSettings(steps=value)),
            "OUT_OF_RANGE",
            "propagation.steps",
        ),
        f"count {value}": (
            "SuggestSamples",
            pb.SuggestSamplesRequest(dataset="d", count=value),
            "OUT_OF_RANGE",
            "count",
        ),
        f"k {value}": (
            "Classify",
            pb.ClassifyRequest(dataset="d", vectors=GOOD, encoder_digest=ENCODER, neighbours=value),
            "OUT_OF_RANGE",
            "neighbours",
        ),
        f"page {value}": (
            "ExportBeliefs",
            pb.ExportBeliefsRequest(dataset="d", page_size=value),
            "OUT_OF_RANGE",
            "page_size",
        ),
    }

ELSEWHERE = {
    "wrong encoder": (
        "AddSamples",
        pb.AddSamplesRequest(
            dataset="d", request_id="r", sample_ids=["x"], vectors=GOOD, encoder_digest="cd" * 32
        ),
        Code.FAILED_PRECONDITION,
        "ENCODER_MISMATCH",
        "encoder_digest",
    ),
    "classify with a wrong encoder": (
        "Classify",
        pb.ClassifyRequest(dataset="d", vectors=GOOD),
        Code.FAILED_PRECONDITION,
        "ENCODER_MISMATCH",
        "encoder_digest",
    ),
    "nothing to propagate": (
        "Propagate",
        pb.PropagateRequest(dataset="d"),
        Code.FAILED_PRECONDITION,
        "NOTHING_TO_PROPAGATE",
        None,
    ),
    "unknown sample": (
        "AddLabels",
        labels(pb.Label(sample_id="nobody", class_name="a")),
        Code.NOT_FOUND,
        "UNKNOWN_SAMPLE",
        "labels[0].sample_id",
    ),
    "unknown sample to remove": (
        "RemoveSamples",
        pb.RemoveSamplesRequest(dataset="d", request_id="r", sample_ids=["s0", "nobody"]),
        Code.NOT_FOUND,
        "UNKNOWN_SAMPLE",
        "sample_ids[1]",
    ),
    "unknown label": (
        "RemoveLabels",
        pb.RemoveLabelsRequest(dataset="d", request_id="r", labels=[pb.LabelKey(sample_id="s0")]),
        Code.NOT_FOUND,
        "UNKNOWN_LABEL",
        "labels[0].annotator",
    ),
    "unknown dataset": (
        "GetDataset",
        pb.GetDatasetRequest(dataset="nowhere"),
        Code.NOT_FOUND,
        "UNKNOWN_DATASET",
        "dataset",
    ),
    "dataset exists": (
        "CreateDataset",
        create(name="d"),
        Code.ALREADY_EXISTS,
        "DATASET_EXISTS",
        "name",
    ),
    "revision ahead": (
        "ExportBeliefs",
        pb.ExportBeliefsRequest(dataset="d", min_revision=10**9),
        Code.ABORTED,
        "REVISION_AHEAD",
        "min_revision",
    ),
}


def refused(stub, method, request):
    with pytest.raises(grpc.RpcError) as failure:
        getattr(stub, method)(request, timeout=20)
    return failure.value.code(), from_rpc_error(failure.value)


@pytest.mark.parametrize("case", HOSTILE)
def test_bad_input(stub, case):
    method, request, reason, field = HOSTILE[case]
    code, refusal = refused(stub, method, request)
    assert (code, refusal.reason, refusal.field) == (Code.INVALID_ARGUMENT, reason, field)


@pytest.mark.parametrize("case", ELSEWHERE)
def test_good_input_in_the_wrong_state(stub, case):
    method, request, code, reason, field = ELSEWHERE[case]
    found, refusal = refused(stub, method, request)
    assert (found, refusal.reason, refusal.field) == (code, reason, field)


def test_every_reason_is_documented():
    from vicinal.graph.v1 import errors_pb2

    known = {value.name.removeprefix("ERROR_REASON_") for value in errors_pb2.ErrorReason.DESCRIPTOR.values}
    assert {case[2] for case in HOSTILE.values()} | {case[3] for case in ELSEWHERE.values()} <= known


def test_unicode_ids_are_fine(service):
    with grpc.insecure_channel(service.address) as channel:
        stub = graph_pb2_grpc.GraphServiceStub(channel)
        stub.AddSamples(samples(["猫/☃ é"], rows([0.6, 0.8])))
        stub.RemoveSamples(
            pb.RemoveSamplesRequest(dataset="d", request_id=str(uuid.uuid4()), sample_ids=["猫/☃ é"])
        )


def test_an_over_long_message(stub):
    vectors = tensor_pb2.Tensor(element_type=1, shape=[1, 2], data=bytes(LIMIT_BYTES))
    code, _ = refused(stub, "AddSamples", samples(["x"], vectors))
    assert code is Code.RESOURCE_EXHAUSTED


def test_a_deadline_already_past(stub):
    with pytest.raises(grpc.RpcError) as failure:
        stub.GetDataset(pb.GetDatasetRequest(dataset="d"), timeout=-1)
    assert failure.value.code() is Code.DEADLINE_EXCEEDED


def test_a_request_id_used_for_another_request(stub):
    request = pb.UpdateDatasetRequest(
        dataset="d", request_id="one", propagation=pb.PropagationSettings(steps=20)
    )
    first = stub.UpdateDataset(request).revision
    assert stub.UpdateDataset(request).revision == first
    request.propagation.steps = 21
    code, refusal = refused(stub, "UpdateDataset", request)
    assert (code, refusal.reason, refusal.field) == (
        Code.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        "request_id",
    )
