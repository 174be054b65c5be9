"""Moving to another encoder, and listing what a dataset holds: what is sent, and what answers become."""

from __future__ import annotations

import numpy as np
import pytest

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import unpack
from vicinal_client import Aborted, FailedPrecondition, InvalidArgument, Label, Labels, Samples, Trust

DIGEST = "ab" * 32
IDS = [f"s{i}" for i in range(20)]
HASHES = [bytes([i]) * 32 for i in range(20)]
VECTORS = np.arange(60, dtype=np.float32).reshape(20, 3) + 1
LABELS = [
    (name, "cat", "ann", graph_pb2.TRUST_VERIFIED) if i % 2 else (name, "dog", "", graph_pb2.TRUST_GIVEN)
    for i, name in enumerate(IDS)
]


@pytest.fixture
def written(graph_script):
    for method in ("StageVectors", "ChangeEncoder", "DiscardStagedVectors"):
        response = getattr(graph_pb2, f"{method}Response")
        graph_script.answers[method] = lambda _, response=response: response(revision=40)
    return graph_script


def page(request, items):
    """The items of this page and the token of the next; the token is where the page begins."""
    start = int(request.page_token or 0)
    stop = start + request.page_size
    return items[start:stop], str(stop) if stop < len(items) else ""


def listed(request):
    shown, token = page(request, list(zip(IDS, HASHES, strict=True)))
    names, hashes = zip(*shown, strict=True)
    return graph_pb2.ListSamplesResponse(
        revision=9, sample_ids=names, content_sha256=hashes, next_page_token=token, total_count=20
    )


def labelled(request):
    shown, token = page(request, LABELS)
    labels = [
        graph_pb2.Label(sample_id=sample, class_name=name, annotator=who, trust=trust)
        for sample, name, who, trust in shown
    ]
    return graph_pb2.ListLabelsResponse(revision=9, labels=labels, next_page_token=token, total_count=20)


def test_staged_vectors_arrive_whole_in_parts(graph, written):
    told = []
    revision = graph.stage_vectors(
        "d",
        IDS,
        VECTORS,
        encoder_digest=DIGEST,
        content_sha256=HASHES,
        progress=lambda *it: told.append(it),
        request_id="r",
    )
    requests = written.requests("StageVectors")
    assert revision == 40
    assert [request.request_id for request in requests] == ["r-0", "r-10"]
    assert [name for request in requests for name in request.sample_ids] == IDS
    assert [content for request in requests for content in request.content_sha256] == HASHES
    assert {(request.dataset, request.encoder_digest) for request in requests} == {("d", DIGEST)}
    sent = np.concatenate([unpack(request.vectors, "vectors") for request in requests])
    np.testing.assert_array_equal(sent, VECTORS)
    assert told == [(10, 20), (20, 20)]


def test_what_does_not_fit_together_is_not_sent(graph, written):
    with pytest.raises(InvalidArgument) as refusal:
        graph.stage_vectors("d", IDS[:2], VECTORS, encoder_digest=DIGEST)
    assert refusal.value.reason == "BAD_TENSOR"
    assert written.requests("StageVectors") == []


def test_a_change_is_named_and_its_revision_remembered(graph, written):
    assert graph.change_encoder("d", DIGEST, request_id="c") == 40
    assert graph.discard_staged_vectors("d", DIGEST, request_id="x") == 40
    (change,), (discard,) = written.requests("ChangeEncoder"), written.requests("DiscardStagedVectors")
    assert (change.dataset, change.request_id, change.encoder_digest) == ("d", "c", DIGEST)
    assert (discard.dataset, discard.request_id, discard.encoder_digest) == ("d", "x", DIGEST)
    written.answers["ListSamples"] = listed
    graph.list_samples("d")
    assert {request.min_revision for request in written.requests("ListSamples")} == {40}


def test_each_write_gets_a_request_id_of_its_own(graph, written):
    graph.change_encoder("d", DIGEST)
    graph.change_encoder("d", DIGEST)
    first, second = (request.request_id for request in written.requests("ChangeEncoder"))
    assert first
    assert first != second


def test_a_refused_change_is_not_repeated(graph, written):
    written.failures.append(FailedPrecondition("VECTORS_MISSING", "3 of 20", limit=20, value=17))
    with pytest.raises(FailedPrecondition) as refusal:
        graph.change_encoder("d", DIGEST)
    assert refusal.value.reason == "VECTORS_MISSING"
    assert len(written.requests("ChangeEncoder")) == 1


@pytest.mark.parametrize("unstaged_only", [False, True])
def test_samples_come_from_all_pages(graph, graph_script, unstaged_only):
    graph_script.answers["ListSamples"] = listed
    told = []
    found = graph.list_samples("d", unstaged_only=unstaged_only, progress=lambda *it: told.append(it))
    assert found == Samples(9, tuple(IDS), tuple(HASHES))
    requests = graph_script.requests("ListSamples")
    assert {(request.unstaged_only, request.page_size) for request in requests} == {(unstaged_only, 7)}
    assert told == [(7, 20), (14, 20), (20, 20)]


def test_labels_come_from_all_pages_with_their_trust(graph, graph_script):
    graph_script.answers["ListLabels"] = labelled
    expected = [
        Label(sample, name, who, Trust[graph_pb2.Trust.Name(trust).removeprefix("TRUST_")])
        for sample, name, who, trust in LABELS
    ]
    assert graph.list_labels("d", min_revision=5) == Labels(9, tuple(expected))
    assert {request.min_revision for request in graph_script.requests("ListLabels")} == {5}


def test_lists_start_again_when_their_pages_expire(graph, graph_script):
    turns = iter(
        [labelled, Aborted("PAGE_EXPIRED", "again", field="page_token"), labelled, labelled, labelled]
    )

    def answer(request):
        turn = next(turns)
        if isinstance(turn, Exception):
            raise turn
        return turn(request)

    graph_script.answers["ListLabels"] = answer
    assert [label.sample_id for label in graph.list_labels("d").labels] == IDS


def test_what_waits_is_part_of_the_description(graph, graph_script):
    describe = graph_script.answers["GetDataset"]

    def waiting(request):
        response = describe(request)
        response.dataset.staged_encoder_digest = DIGEST
        response.dataset.staged_count = 12
        return response

    graph_script.answers["GetDataset"] = waiting
    dataset = graph.get_dataset("d")
    assert (dataset.staged_encoder_digest, dataset.staged_count) == (DIGEST, 12)
