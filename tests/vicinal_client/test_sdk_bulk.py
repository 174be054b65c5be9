"""Bulk writes are cut to the served limits, each part once, and errors tell of the whole input."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import unpack
from vicinal_client import (
    AlreadyExists,
    DeadlineExceeded,
    InvalidArgument,
    Label,
    LabelKey,
    Method,
    NotFound,
    Trust,
    Unavailable,
)
from vicinal_client._bulk import message_budget, split

IDS = [f"image-{i:03}" for i in range(34)]
VECTORS = np.random.default_rng(7).normal(size=(34, 5))


@pytest.fixture
def written(graph_script):
    """The script of a service that takes every write and counts revisions."""
    revisions = iter(range(1, 1000))

    def response(kind):
        return lambda _: kind(revision=next(revisions))

    for name in ("AddSamples", "RemoveSamples", "AddLabels", "RemoveLabels", "UpdateDataset"):
        graph_script.answers[name] = response(getattr(graph_pb2, f"{name}Response"))
    return graph_script


@given(
    st.lists(st.integers(1, 50), max_size=60),
    st.integers(1, 12),
    st.integers(1, 200),
)
def test_a_split_keeps_order_and_limits_and_is_greedy(sizes, most_items, most_bytes):
    parts = list(split(np.array(sizes, np.int64), most_items, most_bytes))
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(len(sizes)))
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        held = sizes[part]
        assert len(held) <= most_items
        assert sum(held) <= most_bytes or len(held) == 1
        if following:
            assert len(held) == most_items or sum(held) + sizes[following.start] > most_bytes
    assert len(parts) == 1 or all(part.stop > part.start for part in parts)


def test_samples_arrive_whole_in_parts_of_the_served_limit(graph, written):
    hashes = [bytes([i]) * 32 for i in range(34)]
    steps = []
    revision = graph.add_samples(
        "pets",
        IDS,
        VECTORS,
        encoder_digest="ab" * 32,
        content_sha256=hashes,
        progress=lambda *at: steps.append(at),
    )
    requests = written.requests("AddSamples")
    assert [len(request.sample_ids) for request in requests] == [10, 10, 10, 4]
    assert [sample for request in requests for sample in request.sample_ids] == IDS
    assert [value for request in requests for value in request.content_sha256] == hashes
    sent = np.concatenate([unpack(request.vectors, "vectors") for request in requests])
    assert sent.dtype == np.float32
    np.testing.assert_array_equal(sent, VECTORS.astype(np.float32))
    assert {request.encoder_digest for request in requests} == {"ab" * 32}
    assert len({request.request_id for request in requests}) == 4
    assert steps == [(10, 34), (20, 34), (30, 34), (34, 34)]
    assert revision == 4


def test_half_precision_travels_as_it_is(graph, written):
    graph.add_samples("pets", IDS[:3], VECTORS[:3].astype(np.float16))
    (request,) = written.requests("AddSamples")
    assert unpack(request.vectors, "vectors").dtype == np.float16


def test_parts_stay_below_the_served_message_size(graph, written):
    written.limits.update(max_samples_per_request=1000, max_message_bytes=100_000)
    rng = np.random.default_rng(1)
    ids = [f"{i}-" + "x" * int(rng.integers(0, 500)) for i in range(300)]
    graph.add_samples("pets", ids, rng.normal(size=(300, 64)), content_sha256=[b"h" * 32] * 300)
    graph.remove_samples("pets", ids)
    graph.add_labels("pets", dict.fromkeys(ids, "a class of some length"), annotator="somebody")
    sizes = [call.request.ByteSize() for call in written.seen]
    assert max(sizes) <= 100_000
    assert len(written.requests("AddSamples")) < 5  # and they use what they may


def test_a_part_is_repeated_as_it_was(graph, written):
    written.failures.extend([Unavailable("LOG_UNAVAILABLE", "away")] * 2)
    graph.limits("pets")
    written.failures.append(Unavailable("LOG_UNAVAILABLE", "away"))
    graph.add_samples("pets", IDS[:12], VECTORS[:12])
    first, again, second = written.requests("AddSamples")
    assert first == again
    assert second.request_id != first.request_id


def test_repeating_a_whole_write_repeats_its_request_ids(graph, written):
    graph.add_samples("pets", IDS, VECTORS, request_id="import-1")
    graph.add_samples("pets", IDS, VECTORS, request_id="import-1")
    ids = [request.request_id for request in written.requests("AddSamples")]
    assert ids[:4] == ids[4:]
    assert len(set(ids)) == 4


def test_an_error_in_a_later_part_counts_from_the_whole_and_tells_what_was_written(graph, written):
    take = written.answers["AddLabels"]

    def answer(request):
        if request.labels[0].sample_id != IDS[20]:
            return take(request)
        raise InvalidArgument(
            "UNKNOWN_CLASS", "labels[3]: no class 'fish'", field="labels[3].class_name", value="fish"
        )

    written.answers["AddLabels"] = answer
    with pytest.raises(InvalidArgument) as caught:
        graph.add_labels("pets", dict.fromkeys(IDS, "cat"))
    error = caught.value
    assert error.field == "labels[23].class_name"
    assert error.message == str(error) == "labels[23]: no class 'fish'"
    assert error.metadata["value"] == "fish"
    assert error.__notes__ == ["The first 20 of 34 items were finished before this error."]
    assert len(written.requests("AddLabels")) == 3


def test_an_error_in_the_first_part_is_told_as_it_came(graph, written):
    graph.limits("pets")
    written.failures.append(NotFound("UNKNOWN_SAMPLE", "sample_ids[3]", field="sample_ids[3]", value="x"))
    with pytest.raises(NotFound) as caught:
        graph.remove_samples("pets", IDS)
    assert caught.value.field == "sample_ids[3]"
    assert not hasattr(caught.value, "__notes__")


def test_a_transport_failure_tells_what_was_written(graph, written):
    take = written.answers["RemoveSamples"]

    async def answer(request):
        if request.sample_ids[0] == IDS[10]:
            await asyncio.sleep(30)
        return take(request)

    written.answers["RemoveSamples"] = answer
    with pytest.raises(DeadlineExceeded) as caught:
        graph.remove_samples("pets", IDS, timeout=0.5)
    assert caught.value.__notes__ == ["The first 10 of 34 items were finished before this error."]


@pytest.mark.parametrize(
    ("ids", "vectors", "hashes", "reason", "field"),
    [
        (IDS[:3], np.ones((2, 4)), None, "BAD_TENSOR", "vectors.shape"),
        (IDS[:3], np.ones(3), None, "BAD_TENSOR", "vectors"),
        (IDS[:2], np.ones((2, 4), complex), None, "BAD_TENSOR", "vectors"),
        (IDS[:2], [["a"], ["b"]], None, "BAD_TENSOR", "vectors"),
        (IDS[:2], np.ones((2, 4)), [b""], "OUT_OF_RANGE", "content_sha256"),
        ([*IDS[:12], IDS[1]], np.ones((13, 4)), None, "DUPLICATE_ID", "sample_ids[12]"),
        (["fine", "\ud800"], np.ones((2, 4)), None, "MALFORMED", "sample_ids[1]"),
    ],
)
def test_input_that_does_not_fit_together_is_refused_before_anything_is_sent(
    graph, written, ids, vectors, hashes, reason, field
):
    with pytest.raises(InvalidArgument) as caught:
        graph.add_samples("pets", ids, vectors, content_sha256=hashes)
    assert (caught.value.reason, caught.value.field) == (reason, field)
    assert written.requests("AddSamples") == []


def test_duplicates_in_different_parts_are_found(graph, written):
    twice = [Label(IDS[0], "cat", "ann")] + [Label(sample, "cat") for sample in IDS]
    graph.add_labels("pets", twice)  # another annotator is another label
    with pytest.raises(InvalidArgument, match="stands twice") as caught:
        graph.add_labels("pets", [*twice, Label(IDS[0], "dog", "ann")])
    assert caught.value.field == "labels[35]"
    with pytest.raises(InvalidArgument):
        graph.remove_labels("pets", [LabelKey(IDS[0]), Label(IDS[0], "dog")])


def test_nothing_is_for_the_service_to_refuse(graph, written):
    written.answers["AddLabels"] = lambda _: (_ for _ in ()).throw(
        InvalidArgument("FIELD_REQUIRED", "labels is empty", field="labels")
    )
    with pytest.raises(InvalidArgument, match="labels is empty"):
        graph.add_labels("pets", {})


def test_labels_from_a_mapping_and_from_labels(graph, written):
    graph.add_labels("pets", {"a": "cat", "b": "dog"}, annotator="ann", trust=Trust.GIVEN)
    graph.add_labels("pets", [Label("a", "dog", "bob"), Label("b", "dog", "", Trust.GIVEN)])
    mapping, labels = written.requests("AddLabels")
    assert [(x.sample_id, x.class_name, x.annotator, x.trust) for x in mapping.labels] == [
        ("a", "cat", "ann", graph_pb2.TRUST_GIVEN),
        ("b", "dog", "ann", graph_pb2.TRUST_GIVEN),
    ]
    assert [(x.sample_id, x.class_name, x.annotator, x.trust) for x in labels.labels] == [
        ("a", "dog", "bob", graph_pb2.TRUST_VERIFIED),
        ("b", "dog", "", graph_pb2.TRUST_GIVEN),
    ]


def test_labels_are_taken_back_by_key_label_or_sample(graph, written):
    graph.remove_labels("pets", [LabelKey("a", "ann"), Label("b", "cat", "bob"), "c"], annotator="eve")
    (request,) = written.requests("RemoveLabels")
    assert [(key.sample_id, key.annotator) for key in request.labels] == [
        ("a", "ann"),
        ("b", "bob"),
        ("c", "eve"),
    ]


def test_limits_are_asked_for_once(graph, written):
    assert graph.limits("pets").max_samples_per_request == 10
    graph.add_samples("pets", IDS, VECTORS)
    graph.remove_samples("pets", IDS)
    assert len(written.requests("GetDataset")) == 1


def test_a_message_budget_leaves_room_for_the_rest_of_the_message():
    assert 0 < message_budget(10**12) < 64 * 2**20
    assert message_budget(1) == 1


def test_create_sends_what_is_given_and_leaves_the_rest_to_the_service(graph, graph_script):
    made = graph_pb2.Dataset(
        name="pets",
        dimension=5,
        classes=["cat", "dog"],
        neighbours=10,
        propagation=graph_pb2.PropagationSettings(
            method=graph_pb2.METHOD_SYMMETRIZED, temperature=0.1, steps=20
        ),
        revision=1,
        index="exact",
    )
    graph_script.answers["CreateDataset"] = lambda _: graph_pb2.CreateDatasetResponse(dataset=made)
    dataset = graph.create_dataset("pets", dimension=5, classes=["cat", "dog"], temperature=0.5)
    (request,) = graph_script.requests("CreateDataset")
    assert not request.HasField("neighbours")
    assert request.propagation.method == graph_pb2.METHOD_UNSPECIFIED
    assert request.propagation.HasField("temperature")
    assert not request.propagation.HasField("steps")
    assert (dataset.method, dataset.temperature, dataset.steps) == (Method.SYMMETRIZED, 0.1, 20)
    assert (dataset.classes, dataset.index, dataset.revision) == (("cat", "dog"), "exact", 1)
    graph.create_dataset("pets", dimension=5, classes=["cat", "dog"], method=Method.PAPER, neighbours=0)
    request = graph_script.requests("CreateDataset")[1]
    assert request.propagation.method == graph_pb2.METHOD_PAPER
    assert request.HasField("neighbours")
    assert request.neighbours == 0
    graph_script.failures.append(AlreadyExists("DATASET_EXISTS", "there", field="name", value="pets"))
    with pytest.raises(AlreadyExists):
        graph.create_dataset("pets", dimension=5, classes=["cat", "dog"])
