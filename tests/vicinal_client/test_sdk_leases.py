"""Leases: what is sent, what answers become, and that reads do not wait for these writes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vicinal.graph.v1 import graph_pb2
from vicinal_client import Lease, LeaseTerms, NotFound, Unavailable

EXPIRES = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


def message(name="one", samples=("s1", "s2"), revision=9):
    lease = graph_pb2.Lease(id=name, annotator="ann", sample_ids=samples, revision=revision)
    lease.expire_time.FromDatetime(EXPIRES)
    return lease


def lease(**changes):
    return Lease(**{"id": "one", "annotator": "ann", "sample_ids": ("s1", "s2"), **changes}, expires=EXPIRES)


def suggested(request):
    suggestions = [graph_pb2.Suggestion(sample_id="s1", reason=graph_pb2.REASON_AUDIT)]
    held = message(request.lease.request_id) if request.HasField("lease") else None
    return graph_pb2.SuggestSamplesResponse(revision=4, suggestions=suggestions, lease=held)


def test_what_is_suggested_may_be_leased(graph, graph_script):
    graph_script.answers["SuggestSamples"] = suggested
    found = graph.suggest("pets", 5, lease=LeaseTerms("ann", 90.5, "one"))
    assert found.lease == lease(revision=9)
    assert [one.sample_id for one in found] == ["s1"]
    assert graph.suggest("pets").lease is None
    first, second = graph_script.requests("SuggestSamples")
    assert first.lease.annotator == "ann"
    assert first.lease.time_to_live.ToMilliseconds() == 90_500
    assert not second.HasField("lease")
    # The lease's revision changes no belief: the next read does not wait for it.
    assert second.min_revision == 4


def test_a_request_id_is_made_up_once_and_sent_again(graph, graph_script):
    graph_script.answers["SuggestSamples"] = suggested
    graph_script.failures.append(Unavailable("LOG_UNAVAILABLE", "later"))
    made = [graph.suggest("pets", lease=LeaseTerms("ann")).lease.id for _ in range(2)]
    ids = [request.lease.request_id for request in graph_script.requests("SuggestSamples")]
    assert ids == [made[0], made[0], made[1]]
    assert len({*ids, ""}) == 3
    assert graph_script.requests("SuggestSamples")[0].lease.time_to_live.seconds == 600


@pytest.mark.parametrize("named", [lease(revision=9), "one"])
def test_renew_and_release(graph, graph_script, named):
    graph_script.answers["RenewLease"] = lambda _: graph_pb2.RenewLeaseResponse(lease=message(revision=12))
    graph_script.answers["ReleaseLease"] = lambda _: graph_pb2.ReleaseLeaseResponse(revision=13)
    assert graph.renew_lease("pets", named, seconds=30, request_id="r") == lease(revision=12)
    assert graph.release_lease("pets", named, ["s1"]) == 13
    assert graph.release_lease("pets", named, request_id="r") == 13
    (renewal,) = graph_script.requests("RenewLease")
    assert (renewal.lease_id, renewal.request_id, renewal.time_to_live.seconds) == ("one", "r", 30)
    some, everything = graph_script.requests("ReleaseLease")
    assert (some.lease_id, list(some.sample_ids), bool(some.request_id)) == ("one", ["s1"], True)
    assert (list(everything.sample_ids), everything.request_id) == ([], "r")


def test_a_lease_that_is_over(graph, graph_script):
    graph_script.failures.append(NotFound("UNKNOWN_LEASE", "over", field="lease_id", value="one"))
    with pytest.raises(NotFound) as refusal:
        graph.renew_lease("pets", "one")
    assert (refusal.value.reason, refusal.value.field) == ("UNKNOWN_LEASE", "lease_id")


def test_list(graph, graph_script):
    graph_script.answers["ListLeases"] = lambda _: graph_pb2.ListLeasesResponse(
        revision=3, leases=[message(), message("two", ("s3",))]
    )
    found = graph.leases("pets")
    assert found == (lease(revision=9), lease(id="two", sample_ids=("s3",), revision=9))
    graph.leases("pets", annotator="")
    everybody, nameless = graph_script.requests("ListLeases")
    assert (everybody.HasField("annotator"), nameless.HasField("annotator")) == (False, True)
