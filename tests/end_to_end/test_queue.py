"""A shared queue over a real socket: what survives a kill, what the clock ends, what is refused."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import grpc
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from vicinal.graph.v1 import graph_pb2 as pb
from vicinal.graph.v1 import graph_pb2_grpc
from vicinal.wire.status import from_rpc_error
from vicinal_client import GraphClient, LeaseTerms, NotFound, ResourceExhausted, Trust

CLASSES = ["a", "b"]
COUNT = 60
PAGE = Path(__file__).parents[2] / "docs" / "queue.md"


def fill(client, copies=0):
    vectors = np.random.default_rng(1).normal(size=(COUNT, 6)).astype(np.float32)
    vectors[COUNT - copies :] = vectors[:copies]
    client.create_dataset("d", dimension=6, classes=CLASSES, neighbours=4)
    client.add_samples("d", [f"s{i}" for i in range(COUNT)], vectors)


def ids(found):
    return [one.sample_id for one in found]


@pytest.fixture
def filled(graph):
    fill(graph, copies=10)
    return graph


def test_a_queue_is_shared(filled):
    ann = filled.suggest("d", 10, lease=LeaseTerms("ann"))
    bob = filled.suggest("d", 10, lease=LeaseTerms("bob", 30))
    others = ids(filled.suggest("d", 100))
    assert sorted(ann.lease.sample_ids) == sorted(ids(ann))
    assert len({*ids(ann), *ids(bob), *others}) == COUNT - 10
    left = (bob.lease.expires - datetime.now(UTC)).total_seconds()
    assert 0 < left <= 31
    labelled, given, released, *_ = ids(ann)
    filled.add_labels("d", {labelled: "a"}, annotator="bob")
    filled.add_labels("d", {given: "a"}, annotator="ann", trust=Trust.GIVEN)
    filled.release_lease("d", ann.lease, [released, ids(bob)[0]])
    hers, his = filled.leases("d")
    assert set(hers.sample_ids) == set(ids(ann)) - {labelled, released}
    assert his.sample_ids == bob.lease.sample_ids
    assert released in ids(filled.suggest("d", 100))
    assert filled.renew_lease("d", his, seconds=3600).expires > his.expires
    assert [one.id for one in filled.leases("d", annotator="bob")] == [bob.lease.id]


def test_a_lease_costs_no_propagation(filled):
    filled.add_labels("d", {"s1": "a", "s2": "b"})
    before = filled.propagate("d")
    lease = filled.suggest("d", 5, lease=LeaseTerms("ann")).lease
    after = filled.propagate("d", min_revision=lease.revision)
    assert (after.revision, after.seconds) == (lease.revision, 0)
    assert before.seconds > 0


def test_leases_outlive_the_service_and_expire_by_the_clock(start_service, store_url):
    service = start_service("graph_service", "--redis-url", store_url)
    with GraphClient(service.address, timeout=60) as client:
        fill(client)
        long = client.suggest("d", 10, lease=LeaseTerms("ann", 3600, "long"))
        short = client.suggest("d", 10, lease=LeaseTerms("bob", 1, "short"))
        service.kill()
        service.start()
        again = client.suggest("d", 3, lease=LeaseTerms("ann", 3600, "long"))
        assert again.lease.sample_ids == long.lease.sample_ids
        assert again.lease.expires == long.lease.expires
        while datetime.now(UTC) <= short.lease.expires:
            time.sleep(0.05)
        assert [one.id for one in client.leases("d")] == ["long"]
        free = set(ids(client.suggest("d", 100)))
        assert set(ids(short)) <= free
        assert not set(ids(long)) & free
        with pytest.raises(NotFound, match="no live lease"):
            client.renew_lease("d", "short")


def test_the_pages_example(graph_service, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    monkeypatch.setenv("VICINAL_GRAPH", graph_service.address)
    with GraphClient(graph_service.address, timeout=60) as client:
        client.create_dataset("pets", dimension=6, classes=["cat", "dog"])
        client.add_samples(
            "pets", [f"s{i}" for i in range(COUNT)], np.random.default_rng(2).normal(size=(COUNT, 6))
        )
        client.suggest("pets", 5, lease=LeaseTerms("bob"))
        exec(compile(example, str(PAGE), "exec"), {})
        assert "5 samples until" in capsys.readouterr().out
        assert client.leases("pets") == ()
        assert {label.annotator for label in client.list_labels("pets").labels} == {"ann"}
        assert len(client.list_labels("pets").labels) == 8


def terms(**fields):
    given = {"request_id": "r", **fields}
    return "SuggestSamples", pb.SuggestSamplesRequest(dataset="d", lease=pb.LeaseTerms(**given))


def renewal(**fields):
    given = {"request_id": "r", "lease_id": "nobody's", **fields}
    return "RenewLease", pb.RenewLeaseRequest(dataset="d", **given)


def release(**fields):
    given = {"request_id": "r", "lease_id": "nobody's", **fields}
    return "ReleaseLease", pb.ReleaseLeaseRequest(dataset="d", **given)


HOSTILE = {
    "no request id": (*terms(request_id=""), "FIELD_REQUIRED", "lease.request_id"),
    "unprintable": (*terms(request_id="a\nb"), "MALFORMED", "lease.request_id"),
    "huge annotator": (*terms(annotator="x" * 4096), "OUT_OF_RANGE", "lease.annotator"),
    "NUL": (*terms(annotator="a\0b"), "MALFORMED", "lease.annotator"),
    "no time": (*terms(time_to_live=Duration()), "OUT_OF_RANGE", "lease.time_to_live"),
    "ages": (*terms(time_to_live=Duration(seconds=2**62)), "OUT_OF_RANGE", "lease.time_to_live"),
    "the past": (*terms(time_to_live=Duration(seconds=-5, nanos=-7)), "OUT_OF_RANGE", "lease.time_to_live"),
    "renewal for ages": (*renewal(time_to_live=Duration(seconds=86_401)), "OUT_OF_RANGE", "time_to_live"),
    "renewal of nothing": (*renewal(), "UNKNOWN_LEASE", "lease_id"),
    "renewal without a lease": (*renewal(lease_id=""), "FIELD_REQUIRED", "lease_id"),
    "release of nothing": (*release(), "UNKNOWN_LEASE", "lease_id"),
    "release of too many": (*release(sample_ids=["x"] * 1001), "TOO_MANY_ITEMS", "sample_ids"),
    "release of an empty id": (*release(sample_ids=[""]), "FIELD_REQUIRED", "sample_ids[0]"),
    "list of the future": (
        "ListLeases",
        pb.ListLeasesRequest(dataset="d", min_revision=10**9),
        "REVISION_AHEAD",
        "min_revision",
    ),
    "list of nowhere": ("ListLeases", pb.ListLeasesRequest(dataset="e"), "UNKNOWN_DATASET", "dataset"),
}


@pytest.fixture(scope="module")
def stub(service_at, tmp_path_factory):
    folder = tmp_path_factory.mktemp("queue")
    with service_at(folder, "graph_service", "--data-dir", str(folder / "data")) as service:
        with GraphClient(service.address, timeout=60) as client:
            fill(client)
        with grpc.insecure_channel(service.address) as channel:
            yield graph_pb2_grpc.GraphServiceStub(channel)


@pytest.mark.parametrize(("method", "request_", "reason", "field"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_refused(stub, method, request_, reason, field):
    describe = pb.GetDatasetRequest(dataset="d")
    before = stub.GetDataset(describe)
    with pytest.raises(grpc.RpcError) as refused:
        getattr(stub, method)(request_)
    error = from_rpc_error(refused.value)
    assert (error.reason, error.field) == (reason, field)
    assert stub.GetDataset(describe) == before


def test_the_default_time_to_live_is_ten_minutes(stub):
    answer = stub.SuggestSamples(terms(request_id="default")[1])
    left = answer.lease.expire_time.ToDatetime(UTC) - datetime.now(UTC)
    assert 590 < left.total_seconds() <= 600
    renewed = stub.RenewLease(renewal(lease_id="default", request_id="again")[1])
    assert renewed.lease.expire_time.ToMilliseconds() > answer.lease.expire_time.ToMilliseconds()


def test_leases_fit_a_message(service_at, tmp_path):
    """However small a message may be: `Limits.max_leased_samples` follows."""
    flags = ["--data-dir", str(tmp_path / "data"), "--max-message-bytes", str(2**17)]
    with (
        service_at(tmp_path / "small", "graph_service", *flags) as service,
        GraphClient(service.address, timeout=60) as client,
    ):
        client.create_dataset("d", dimension=8, classes=CLASSES)
        most = client.limits("d").max_leased_samples
        assert 100 < most < 110
        names = [f"{i:0512}" for i in range(most + 1)]
        client.add_samples("d", names, np.random.default_rng(0).normal(size=(most + 1, 8)))
        for i in range(most):
            client.suggest("d", 1, lease=LeaseTerms("x" * 512, 3600, f"{i:0128}"))
        with pytest.raises(ResourceExhausted, match="live leases"):
            client.suggest("d", 1, lease=LeaseTerms("x"))
        assert len(client.leases("d")) == most
