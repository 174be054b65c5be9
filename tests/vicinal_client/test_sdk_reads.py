"""Reads: revisions, pages, and what answers become."""

from __future__ import annotations

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import pack
from vicinal_client import (
    Aborted,
    Accuracy,
    Evidence,
    Flag,
    FlagKind,
    Interval,
    Label,
    Reason,
    Strategy,
    Suggestion,
    Trust,
)

SAMPLES = [f"s{i}" for i in range(20)]
CLASSES = np.array([i % 3 - 1 for i in range(20)], np.int32)
CONFIDENCES = np.linspace(0, 1, 20, dtype=np.float32)
BELIEFS = np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2)


def expired(field="page_token"):
    return Aborted("PAGE_EXPIRED", "start again", field=field)


def export(revision=9):
    """Pages of SAMPLES; the token is where the page begins."""

    def answer(request):
        start = int(request.page_token or 0)
        stop = start + request.page_size
        return graph_pb2.ExportBeliefsResponse(
            revision=revision,
            sample_ids=SAMPLES[start:stop],
            classes=pack(CLASSES[start:stop]),
            confidences=pack(CONFIDENCES[start:stop]),
            beliefs=pack(BELIEFS[start:stop]) if request.include_beliefs else None,
            next_page_token=str(stop) if stop < len(SAMPLES) else "",
            total_count=len(SAMPLES),
        )

    return answer


def flags(request):
    start = int(request.page_token or 0)
    stop = start + request.page_size
    shown = [
        graph_pb2.Flag(
            label=graph_pb2.Label(
                sample_id=sample, class_name="cat", annotator="ann", trust=graph_pb2.TRUST_GIVEN
            ),
            suspicion=0.5,
            suggested_class="dog",
            evidence=[graph_pb2.Evidence(sample_id="n", weight=0.25, class_name="dog", similarity=0.75)],
        )
        for sample in SAMPLES[start:stop]
    ]
    token = str(stop) if stop < len(SAMPLES) else ""
    return graph_pb2.FlagErrorsResponse(
        revision=9, flags=shown, total_count=len(SAMPLES), next_page_token=token
    )


def propagated(revision):
    return lambda _: graph_pb2.PropagateResponse(
        revision=revision, labelled_count=2, reached_count=15, unreached_count=5
    )


def least(script, method="Propagate"):
    return [request.min_revision for request in script.requests(method)]


def test_reads_ask_for_the_newest_revision_this_client_has_got(graph, graph_script):
    graph_script.answers["Propagate"] = propagated(3)
    graph_script.answers["AddLabels"] = lambda _: graph_pb2.AddLabelsResponse(revision=8)
    graph.propagate("pets")
    graph.add_labels("pets", {"a": "cat"})
    graph.propagate("pets")  # answers 3, which must not make the client forget 8
    graph.propagate("pets")
    graph.propagate("plants")
    graph.propagate("pets", min_revision=0)
    graph.propagate("pets", min_revision=30)
    assert least(graph_script) == [0, 8, 8, 0, 0, 30]


def test_a_dataset_made_anew_starts_at_its_first_revision(graph, graph_script):
    graph_script.answers["Propagate"] = propagated(50)
    graph_script.answers["DeleteDataset"] = lambda _: graph_pb2.DeleteDatasetResponse()
    made = graph_pb2.Dataset(
        name="pets", revision=1, propagation=graph_pb2.PropagationSettings(method=graph_pb2.METHOD_PAPER)
    )
    graph_script.answers["CreateDataset"] = lambda _: graph_pb2.CreateDatasetResponse(dataset=made)
    graph.propagate("pets")
    graph.propagate("pets")
    graph.delete_dataset("pets")
    graph.propagate("pets")
    graph.create_dataset("pets", dimension=4, classes=["a", "b"])
    graph.propagate("pets")
    assert least(graph_script) == [0, 50, 0, 1]


def test_every_read_sends_the_least_revision(graph, graph_script):
    graph_script.answers["Propagate"] = propagated(6)
    graph_script.answers["SuggestSamples"] = lambda _: graph_pb2.SuggestSamplesResponse(revision=6)
    graph_script.answers["FlagErrors"] = lambda _: graph_pb2.FlagErrorsResponse(revision=6)
    graph_script.answers["ExportBeliefs"] = export(6)
    graph_script.answers["Classify"] = lambda request: graph_pb2.ClassifyResponse(
        revision=6, classes=pack(CLASSES[:2]), confidences=pack(CONFIDENCES[:2])
    )
    graph.propagate("pets")
    graph.suggest("pets")
    graph.flag_errors("pets")
    graph.classify("pets", np.ones((2, 4)))
    graph.export_beliefs("pets")
    list(graph.iter_beliefs("pets"))
    for method in ("SuggestSamples", "FlagErrors", "Classify", "ExportBeliefs"):
        assert set(least(graph_script, method)) == {6}, method


def test_propagation(graph, graph_script):
    graph_script.answers["Propagate"] = lambda request: graph_pb2.PropagateResponse(
        revision=4,
        labelled_count=2,
        reached_count=15,
        unreached_count=5,
        propagation_time=Duration(seconds=1, nanos=500_000_000),
        classes=pack(CLASSES) if request.include_beliefs else None,
        confidences=pack(CONFIDENCES) if request.include_beliefs else None,
    )
    bare = graph.propagate("pets")
    assert (bare.revision, bare.labelled_count, bare.reached_count, bare.unreached_count) == (4, 2, 15, 5)
    assert (bare.seconds, bare.classes, bare.confidences) == (1.5, None, None)
    full = graph.propagate("pets", include_beliefs=True)
    np.testing.assert_array_equal(full.classes, CLASSES)
    np.testing.assert_array_equal(full.confidences, CONFIDENCES)


def test_suggestions_are_a_sequence_with_a_revision(graph, graph_script):
    graph_script.answers["SuggestSamples"] = lambda request: graph_pb2.SuggestSamplesResponse(
        revision=4,
        suggestions=[
            graph_pb2.Suggestion(
                sample_id=sample,
                score=0.5,
                class_index=-1,
                reason=graph_pb2.REASON_COVERAGE,
                represents=312,
                rival_class_index=-1,
                evidence=[graph_pb2.Evidence(sample_id="near", weight=1, class_name="cat", similarity=0.5)],
            )
            for sample in SAMPLES[: request.count]
        ],
    )
    found = graph.suggest(
        "pets", 3, strategy=Strategy.MARGIN, seed=2**64 - 1, exclude=["x"], audit_share=0.5, evidence=2
    )
    assert found.revision == 4
    reason = Reason.COVERAGE
    near = (Evidence("near", 1.0, "cat", 0.5),)
    assert list(found) == [Suggestion(sample, 0.5, -1, 0.0, reason, 312, -1, near) for sample in SAMPLES[:3]]
    assert (found[1].sample_id, found[-1].sample_id, len(found), len(found[:2])) == ("s1", "s2", 3, 2)
    graph.suggest("pets")
    first, second = graph_script.requests("SuggestSamples")
    assert (first.strategy, first.seed, list(first.exclude_sample_ids)) == (
        graph_pb2.STRATEGY_MARGIN,
        2**64 - 1,
        ["x"],
    )
    assert (second.strategy, second.count) == (graph_pb2.STRATEGY_UNSPECIFIED, 10)
    assert (first.audit_share, second.audit_share) == (0.5, 0)
    assert (first.evidence_count, second.evidence_count) == (2, 0)


def test_accuracy_before_and_after_the_first_audit(graph, graph_script):
    graph_script.answers["EstimateAccuracy"] = lambda _: graph_pb2.EstimateAccuracyResponse(
        revision=3, audits_needed=73
    )
    assert graph.estimate_accuracy("pets") == Accuracy(3, 0, 0, None, False, 73)
    graph_script.answers["EstimateAccuracy"] = lambda _: graph_pb2.EstimateAccuracyResponse(
        revision=4,
        audited_count=10,
        right_count=8,
        accuracy=graph_pb2.Interval(estimate=0.8, lower=0.5, upper=0.9),
        target_reached=True,
        audits_needed=-1,
    )
    found = graph.estimate_accuracy("pets", target=0.4, level=0.9)
    assert found == Accuracy(4, 10, 8, Interval(0.8, 0.5, 0.9), True, None)
    first, second = graph_script.requests("EstimateAccuracy")
    assert (first.target, first.level) == (0.95, 0.95)
    assert (second.target, second.level) == (0.4, 0.9)


def test_flags_follow_all_pages(graph, graph_script):
    graph_script.answers["FlagErrors"] = flags
    found = graph.flag_errors("pets", min_suspicion=0.25, evidence=3)
    assert [flag.label.sample_id for flag in found] == SAMPLES
    assert found[0] == Flag(
        Label("s0", "cat", "ann", Trust.GIVEN), 0.5, "dog", (Evidence("n", 0.25, "dog", 0.75),)
    )
    assert (found.revision, found.total_count) == (9, 20)
    requests = graph_script.requests("FlagErrors")
    assert [request.page_token for request in requests] == ["", "7", "14"]
    for request in requests:
        request.page_token = ""
    assert requests[1:] == requests[:1] * 2
    assert (requests[0].min_suspicion, requests[0].evidence_count) == (0.25, 3)


@pytest.mark.parametrize(
    ("cut", "field"),
    [({}, None), ({"budget": 3}, "budget"), ({"target_precision": 0.9}, "target_precision")],
)
def test_at_most_one_cut_is_sent(graph, graph_script, cut, field):
    graph_script.answers["FlagErrors"] = lambda _: graph_pb2.FlagErrorsResponse(revision=1)
    graph.flag_errors("pets", kind=FlagKind.WRONG_LABEL, **cut)
    (request,) = graph_script.requests("FlagErrors")
    assert (request.WhichOneof("cut"), request.kind) == (field, graph_pb2.FLAG_KIND_WRONG_LABEL)
    with pytest.raises(ValueError, match="at most one"):
        graph.flag_errors("pets", min_suspicion=0.5, budget=1)


@pytest.mark.parametrize(("limit", "pages"), [(0, 1), (1, 1), (7, 1), (8, 2), (20, 3), (1000, 3)])
def test_a_limit_stops_the_pages(graph, graph_script, limit, pages):
    graph_script.answers["FlagErrors"] = flags
    found = graph.flag_errors("pets", limit=limit)
    assert [flag.label.sample_id for flag in found] == SAMPLES[:limit]
    assert found.total_count == 20
    assert len(graph_script.requests("FlagErrors")) == pages


def test_beliefs_are_the_pages_in_one_piece(graph, graph_script):
    graph_script.answers["ExportBeliefs"] = export()
    steps = []
    found = graph.export_beliefs("pets", include_beliefs=True, progress=lambda *at: steps.append(at))
    assert found.sample_ids == tuple(SAMPLES)
    np.testing.assert_array_equal(found.classes, CLASSES)
    np.testing.assert_array_equal(found.confidences, CONFIDENCES)
    np.testing.assert_array_equal(found.beliefs, BELIEFS)
    assert (found.revision, found.total_count) == (9, 20)
    assert steps == [(7, 20), (14, 20), (20, 20)]
    assert graph.export_beliefs("pets", page_size=20).beliefs is None
    assert graph_script.requests("ExportBeliefs")[-1].page_size == 20


def test_beliefs_page_by_page(graph, graph_script):
    graph_script.answers["ExportBeliefs"] = export()
    pages = graph.iter_beliefs("pets", page_size=6)
    assert next(pages).sample_ids == tuple(SAMPLES[:6])
    assert len(graph_script.requests("ExportBeliefs")) == 1  # none is read ahead
    assert [len(page.sample_ids) for page in pages] == [6, 6, 2]


def test_pages_of_whole_beliefs_fit_into_a_message(graph, graph_script):
    graph_script.answers["ExportBeliefs"] = export()
    graph_script.limits["max_page_size"] = 10**6
    graph.export_beliefs("pets")
    graph.export_beliefs("pets", include_beliefs=True)
    sizes = [request.page_size for request in graph_script.requests("ExportBeliefs")]
    bytes_a_sample = [64 + 16, 64 + 16 + 2 * 4]
    for size, each in zip(sizes, bytes_a_sample, strict=True):
        assert 0.9 * 2**20 < size * each < 2**20


def breaking(answer, method_calls, at):
    """Let the pages expire at those calls (from 0) of the method."""

    def guarded(request):
        method_calls.append(request)
        if len(method_calls) - 1 in at:
            raise expired()
        return answer(request)

    return guarded


@pytest.mark.parametrize("at", [{1}, {2}, {1, 3}, {2, 4}])
def test_expired_pages_are_read_again_from_the_first(graph, graph_script, at):
    graph_script.answers["ExportBeliefs"] = breaking(export(), [], at)
    found = graph.export_beliefs("pets", page_size=7)
    assert found.sample_ids == tuple(SAMPLES)
    np.testing.assert_array_equal(found.classes, CLASSES)
    graph_script.answers["FlagErrors"] = breaking(flags, [], at)
    assert [flag.label.sample_id for flag in graph.flag_errors("pets")] == SAMPLES


def test_reading_again_has_an_end(graph, graph_script):
    calls = []
    graph_script.answers["ExportBeliefs"] = breaking(export(), calls, set(range(1, 99, 2)))
    with pytest.raises(Aborted) as caught:
        graph.export_beliefs("pets", page_size=7)
    assert caught.value.reason == "PAGE_EXPIRED"
    assert len(calls) == 6  # three starts of two pages


def test_other_aborts_are_not_read_again(graph, graph_script):
    graph_script.answers["ExportBeliefs"] = lambda _: (_ for _ in ()).throw(
        Aborted("REVISION_AHEAD", "not yet", retry_after=0.1, field="min_revision")
    )
    with pytest.raises(Aborted):
        graph.export_beliefs("pets", min_revision=99)
    assert len(graph_script.requests("ExportBeliefs")) == 1


def test_page_by_page_an_expired_page_is_told(graph, graph_script):
    graph_script.answers["ExportBeliefs"] = breaking(export(), [], {1})
    pages = graph.iter_beliefs("pets")
    next(pages)
    with pytest.raises(Aborted):
        next(pages)


def test_classify_cuts_and_joins(graph, graph_script):
    revisions = iter([5, 6, 7])

    def answer(request):
        count = request.vectors.shape[0]
        start = int(np.frombuffer(request.vectors.data, "<f4")[0])
        return graph_pb2.ClassifyResponse(
            revision=next(revisions),
            classes=pack(CLASSES[start : start + count]),
            confidences=pack(CONFIDENCES[start : start + count]),
            beliefs=pack(BELIEFS[start : start + count]) if request.include_beliefs else None,
        )

    graph_script.answers["Classify"] = answer
    graph_script.limits["max_samples_per_request"] = 8
    steps = []
    found = graph.classify(
        "pets",
        np.arange(20)[:, None] * np.ones((1, 4)),
        encoder_digest="ab" * 32,
        neighbours=3,
        include_beliefs=True,
        progress=lambda *at: steps.append(at),
    )
    np.testing.assert_array_equal(found.classes, CLASSES)
    np.testing.assert_array_equal(found.confidences, CONFIDENCES)
    np.testing.assert_array_equal(found.beliefs, BELIEFS)
    assert found.revision == 5
    assert steps == [(8, 20), (16, 20), (20, 20)]
    requests = graph_script.requests("Classify")
    assert {request.encoder_digest for request in requests} == {"ab" * 32}
    assert {request.neighbours for request in requests} == {3}
    assert least(graph_script, "Classify") == [0, 5, 6]


def test_classify_cuts_by_the_size_of_the_answer(graph, graph_script):
    graph_script.limits.update(max_samples_per_request=10**6, max_message_bytes=20_000)
    graph_script.answers["Classify"] = lambda request: graph_pb2.ClassifyResponse(
        revision=1,
        classes=pack(np.zeros(request.vectors.shape[0], np.int32)),
        confidences=pack(np.zeros(request.vectors.shape[0], np.float32)),
        beliefs=pack(np.zeros((request.vectors.shape[0], 2), np.float32)),
    )
    assert len(graph.classify("pets", np.ones((999, 1)), include_beliefs=True).classes) == 999
    assert max(request.vectors.shape[0] for request in graph_script.requests("Classify")) * 24 < 20_000
