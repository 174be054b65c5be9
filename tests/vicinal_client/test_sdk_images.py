"""Embedded images become samples, part by part; classes are appended once."""

import numpy as np
import pytest

from vicinal.graph.v1 import graph_pb2
from vicinal.wire.tensors import unpack
from vicinal_client import Embedded, ImageError, InvalidArgument

DIGEST = "ab" * 32
BROKEN = ImageError("IMAGE_UNDECODABLE", "no picture", {})


class Outcomes(list):
    """As `embed_many` yields them, for either kind of client."""

    async def __aiter__(self):
        for one in self:
            yield one


def outcome(number, digest=DIGEST):
    name = f"image-{number:04}"
    if number % 7 == 3:
        return Embedded(name, None, BROKEN, b"", "", None)
    return Embedded(name, np.full(4, number + 1, np.float32), None, bytes([number % 256]) * 32, digest, None)


@pytest.fixture
def written(graph_script):
    """The script of a service that takes samples."""
    graph_script.limits["max_samples_per_request"] = 10_000
    graph_script.answers["AddSamples"] = lambda _: graph_pb2.AddSamplesResponse(revision=1)
    return graph_script


def test_images_are_written_in_parts_without_the_refused(graph, written):
    outcomes = Outcomes(map(outcome, range(1200)))
    added = graph.add_embedded("pets", outcomes)
    requests = written.requests("AddSamples")
    good = [one for one in outcomes if one.error is None]
    assert [len(request.sample_ids) for request in requests] == [500, 500, len(good) - 1000]
    assert [name for request in requests for name in request.sample_ids] == [one.key for one in good]
    assert added.ids == tuple(one.key for one in good)
    assert added.refused == {f"image-{n:04}": BROKEN for n in range(3, 1200, 7)}
    assert {request.encoder_digest for request in requests} == {DIGEST}
    assert [value for request in requests for value in request.content_sha256] == [
        one.content_sha256 for one in good
    ]
    sent = np.concatenate([unpack(request.vectors, "vectors") for request in requests])
    np.testing.assert_array_equal(sent, [one.vector for one in good])


def test_no_images_no_request(graph, written):
    assert graph.add_embedded("pets", Outcomes()).ids == ()
    assert graph.add_embedded("pets", Outcomes([outcome(3)])).ids == ()
    assert written.seen == []


def test_vectors_of_two_encoders_never_travel_together(graph, written):
    graph.add_embedded("pets", Outcomes([outcome(0), outcome(1), outcome(2, "cd" * 32)]))
    requests = written.requests("AddSamples")
    assert [(request.encoder_digest, len(request.sample_ids)) for request in requests] == [
        (DIGEST, 2),
        ("cd" * 32, 1),
    ]


@pytest.fixture
def classes(graph_script):
    """The classes of a dataset that can be appended to."""
    held = ["cat", "dog"]

    def append(request):
        if taken := {*request.new_classes} & {*held}:
            raise InvalidArgument("DUPLICATE_ID", f"{taken} are there", field="new_classes[0]")
        held.extend(request.new_classes)
        return graph_pb2.UpdateDatasetResponse(revision=len(held))

    graph_script.answers["UpdateDataset"] = append
    graph_script.answers["GetDataset"] = lambda request: graph_pb2.GetDatasetResponse(
        dataset=graph_pb2.Dataset(
            name=request.dataset,
            classes=held,
            propagation=graph_pb2.PropagationSettings(method=graph_pb2.METHOD_PAPER),
        )
    )
    return held


def test_classes_that_are_lacking_are_appended_in_their_order(graph, graph_script, classes):
    assert graph.add_classes("pets", ["eel", "cat", "bee", "eel"]).classes == ("cat", "dog", "eel", "bee")
    assert graph.add_classes("pets", iter(["bee", "dog"])).classes == ("cat", "dog", "eel", "bee")
    assert [list(request.new_classes) for request in graph_script.requests("UpdateDataset")] == [
        ["eel", "bee"]
    ]


def test_someone_elses_class_of_that_name_is_as_good(graph, graph_script, classes):
    append = graph_script.answers["UpdateDataset"]

    def too_late(request):
        graph_script.answers["UpdateDataset"] = append
        classes.append("bee")
        return append(request)

    graph_script.answers["UpdateDataset"] = too_late
    assert graph.add_classes("pets", ["bee", "eel"]).classes == ("cat", "dog", "bee", "eel")


def test_other_refusals_are_raised(graph, graph_script, classes):
    def full(_request):
        raise InvalidArgument("OUT_OF_RANGE", "too many classes", field="new_classes")

    graph_script.answers["UpdateDataset"] = full
    with pytest.raises(InvalidArgument, match="too many"):
        graph.add_classes("pets", ["bee"])
