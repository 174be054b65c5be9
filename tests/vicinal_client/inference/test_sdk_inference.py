"""Encoders of other servers: the vectors of our own service, and what becomes of all that may go wrong."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import grpc
import numpy as np
import pytest

from vicinal_client import (
    ConnectionFailed,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    TransportError,
)


@pytest.fixture
def known(connect: Any, ours: str, photos: list[bytes]) -> Any:
    """What our own client says: the model and the vectors of the photos."""
    client = connect("embed", ours)
    return client.model(), client.embed(photos).vectors


def outcomes_of(client: Any, images: list[bytes], **options: Any) -> list[Any]:
    found = list(client.embed_many(list(enumerate(images)), **options))
    assert sorted(outcome.key for outcome in found) == list(range(len(images)))
    for outcome in found:
        assert outcome.content_sha256 == hashlib.sha256(images[outcome.key]).digest()
    return sorted(found, key=lambda outcome: outcome.key)


def test_our_service_by_the_protocol_is_our_service(
    connect: Any, ours: str, known: Any, photos: list[bytes]
) -> None:
    model, vectors = known
    client = connect("inference", ours, model.name)
    assert client.model().encoder_digest == model.encoder_digest
    assert client.model().preprocessing_json == model.preprocessing_json
    assert (client.model().name, client.model().dimension) == (model.name, model.dimension)
    assert client.model().limits.max_pixels == model.limits.max_pixels
    found = client.embed(photos)
    np.testing.assert_array_equal(found.vectors, vectors)
    assert found.errors == (None,) * 20
    assert found.encoder_digest == model.encoder_digest


def test_pictures_preprocessed_on_this_side_give_the_same_vectors(
    connect: Any, ours: str, known: Any, photos: list[bytes]
) -> None:
    model, vectors = known
    client = connect("inference", ours, model.name, preprocessing=model.preprocessing_json, batch=7)
    assert client.model().encoder_digest == model.encoder_digest
    np.testing.assert_allclose(client.embed(photos).vectors, vectors, atol=1e-5)
    other = json.dumps(json.loads(model.preprocessing_json) | {"fit": "crop"})
    assert (
        connect("inference", ours, model.name, preprocessing=other).model().encoder_digest
        != model.encoder_digest
    )


def test_a_server_of_another_make_gives_the_same_vectors(
    connect: Any, triton: Any, known: Any, photos: list[bytes]
) -> None:
    """It refuses 16 images at a time, so that batches are halved until it takes them."""
    model, vectors = known
    client = connect("inference", triton.address, "lite0", preprocessing=model.preprocessing_json, batch=16)
    steps: list[tuple[int, int]] = []
    found = outcomes_of(client, photos, progress=lambda done, total: steps.append((done, total)))
    np.testing.assert_allclose([outcome.vector for outcome in found], vectors, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm([o.vector for o in found], axis=1), 1, atol=1e-6)
    assert steps == [(i + 1, 20) for i in range(20)]
    assert sorted(triton.batches) == [4, 8, 8]
    assert {request.model_version for request in triton.requests} == {"10"}
    assert {outcome.encoder_digest for outcome in found} == {client.model().encoder_digest}


def test_a_server_that_takes_files_fails_for_the_bad_ones_alone(
    connect: Any, files_triton: Any, known: Any, photos: list[bytes]
) -> None:
    upright = [photo for number, photo in enumerate(photos) if number % 8 == 0]  # it knows no EXIF
    images = [upright[0], b"no image", upright[1], upright[2], upright[0][:50]]
    client = connect("inference", files_triton.address, "lite0")
    found = outcomes_of(client, images)
    assert [outcome.error and outcome.error.reason for outcome in found] == [
        None,
        "INTERNAL",
        None,
        None,
        "INTERNAL",
    ]
    assert "cannot identify image" in found[1].error.message
    assert found[1].error.metadata["details"] == f"{found[1].error.message}\n  Traceback"
    wanted = [known[1][number] for number in (0, 8, 16)]
    np.testing.assert_allclose([found[i].vector for i in (0, 2, 3)], wanted, atol=1e-5)


def test_an_image_over_the_budget_goes_alone(
    connect: Any, triton: Any, known: Any, photos: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits that a server tells may leave less room than its largest image takes."""
    for kind in ("_async", "_sync"):
        monkeypatch.setattr(f"vicinal_client.{kind}._inference.message_budget", lambda served: 1)
    model, vectors = known
    client = connect("inference", triton.address, "lite0", preprocessing=model.preprocessing_json)
    np.testing.assert_allclose(client.embed(photos[:3]).vectors, vectors[:3], atol=1e-5)
    assert triton.batches == [1, 1, 1]


def test_bad_images_are_errors_of_their_own(
    connect: Any, ours: str, triton: Any, known: Any, photos: list[bytes], tmp_path: Any
) -> None:
    """The same reasons whoever decodes them."""
    model, _ = known
    images = [photos[0], b"no image", photos[1][:70], tmp_path / "gone.png", b"\xff\xd8\xff" + bytes(2**24)]
    reasons = [None, "UNSUPPORTED_FORMAT", "IMAGE_CORRUPT", "UNREADABLE", "IMAGE_TOO_LARGE"]
    for client in (
        connect("inference", ours, model.name),
        connect("inference", triton.address, "lite0", preprocessing=model.preprocessing_json),
    ):
        found = client.embed(images)
        assert [error and error.reason for error in found.errors] == reasons
        assert all(error is None or error.metadata["field"] == "image" for error in found.errors)
        assert found.vectors.any(axis=1).tolist() == [True, False, False, False, False]
    with pytest.raises(InvalidArgument, match="at least one"):
        client.embed([])


def test_rows_that_are_no_vectors_are_errors(
    connect: Any, triton: Any, known: Any, photos: list[bytes]
) -> None:
    def spoiled(features: Any) -> Any:
        features[0], features[2, 5] = 0, np.inf
        return features

    triton.change = spoiled
    client = connect("inference", triton.address, "lite0", preprocessing=known[0].preprocessing_json)
    found = client.embed(photos[:4])
    reasons = [error and error.reason for error in found.errors]
    assert reasons == ["NOT_EMBEDDABLE", None, "NOT_EMBEDDABLE", None]
    assert found.vectors.any(axis=1).tolist() == [False, True, False, True]


def test_the_digest_stands_for_all_that_is_known(connect: Any, triton: Any, known: Any) -> None:
    preprocessing = known[0].preprocessing_json
    reordered = json.dumps({"name": "mine", **dict(reversed(json.loads(preprocessing).items()))}, indent=1)
    cropped = json.dumps(json.loads(preprocessing) | {"fit": "crop"})

    def digest(**options: Any) -> str:
        options = {"preprocessing": preprocessing} | options
        return connect("inference", triton.address, "lite0", **options).model().encoder_digest

    assert len({digest(), digest(preprocessing=reordered), digest(version="10"), digest(batch=3)}) == 1
    assert len({digest(), digest(preprocessing=cropped), digest(version="9")}) == 3
    assert digest(encoder_digest="ab" * 32) == "ab" * 32
    source, target = triton.metadata.inputs[0], triton.metadata.outputs[1]
    tensor = {"datatype": "FP32", "name": source.name, "shape": [-1, 3, 128, 128]}
    spelt = {
        "input": source.name,
        "inputs": [tensor],
        "model": "lite0",
        "output": {"datatype": "FP32", "name": target.name, "shape": [-1, 1280]},
        "preprocessing": preprocessing,
        "version": "10",
    }
    text = json.dumps(spelt, sort_keys=True, separators=(",", ":"))
    assert digest() == hashlib.sha256(text.encode()).hexdigest()
    before = digest()
    triton.metadata.inputs[0].name = "pixels"
    assert digest() != before


def test_another_encoder_is_refused(connect: Any, triton: Any, known: Any, photos: list[bytes]) -> None:
    client = connect("inference", triton.address, "lite0", preprocessing=known[0].preprocessing_json)
    right = client.model().encoder_digest
    assert client.embed(photos[:1], encoder_digest=right).encoder_digest == right
    with pytest.raises(FailedPrecondition) as caught:
        list(client.embed_many(enumerate(photos), encoder_digest=known[0].encoder_digest))
    assert caught.value.reason == "ENCODER_MISMATCH"
    assert caught.value.metadata["expected"] == right


@pytest.mark.parametrize(
    ("edit", "options", "message"),
    [
        (None, {"preprocessing": ""}, "does not say how: give the preprocessing"),
        (None, {"preprocessing": "{}"}, "lacks size"),
        (None, {"preprocessing": "128"}, "expected a JSON object"),
        (None, {"output": "places"}, "0 outputs 'places'"),
        (lambda m: m.inputs[0].shape.__setitem__(3, 224), {}, "size is 128, but the model takes"),
        (lambda m: m.inputs[0].shape.__setitem__(1, 1), {}, r"no input of FP32 .* \[-1, 1, 128, 128\]"),
        (lambda m: m.outputs[1].shape.__setitem__(1, -1), {}, "0 outputs .* state its dimension"),
        (lambda m: m.outputs.add(name="b", datatype="FP32", shape=[-1, 9]), {}, "2 outputs .* name it"),
    ],
)
def test_models_that_cannot_be_used_say_why(
    connect: Any, triton: Any, known: Any, edit: Any, options: dict[str, Any], message: str
) -> None:
    if edit:
        edit(triton.metadata)
    options = {"preprocessing": known[0].preprocessing_json} | options
    with pytest.raises(FailedPrecondition, match=message) as caught:
        connect("inference", triton.address, "lite0", **options).model()
    assert caught.value.reason == "MODEL_UNUSABLE"


def test_of_two_outputs_one_is_named(connect: Any, triton: Any, known: Any, photos: list[bytes]) -> None:
    name = triton.metadata.outputs[1].name
    triton.metadata.outputs.add(name="logits", datatype="FP32", shape=[-1, 1000])
    model, vectors = known
    client = connect(
        "inference", triton.address, "lite0", output=name, preprocessing=model.preprocessing_json
    )
    np.testing.assert_allclose(client.embed(photos[:1]).vectors, vectors[:1], atol=1e-5)
    assert [output.name for output in triton.requests[0].outputs] == [name]


def test_an_answer_that_is_not_what_was_promised(
    connect: Any, triton: Any, known: Any, photos: list[bytes]
) -> None:
    triton.change = lambda features: np.ascontiguousarray(features[:, 1:])
    client = connect("inference", triton.address, "lite0", preprocessing=known[0].preprocessing_json)
    with pytest.raises(InvalidArgument, match=r"outputs\[0\] is FP32 \[2, 1279\], expected FP32 \[2, 1280\]"):
        client.embed(photos[:2])


def test_what_passes_is_repeated_and_what_does_not_is_told(
    connect: Any, triton: Any, known: Any, photos: list[bytes]
) -> None:
    client = connect("inference", triton.address, "lite0", preprocessing=known[0].preprocessing_json, batch=4)
    triton.failures = [grpc.StatusCode.UNAVAILABLE] * 3
    assert all(outcome.error is None for outcome in outcomes_of(client, photos[:8]))
    triton.failures = [grpc.StatusCode.UNAUTHENTICATED]
    with pytest.raises(TransportError, match="UNAUTHENTICATED"):
        client.embed(photos[:8])
    triton.failures = [grpc.StatusCode.INTERNAL] * 9  # of a single picture too: no fault of the picture's
    with pytest.raises(TransportError, match="INTERNAL"):
        client.embed(photos[:4])


def test_a_model_that_is_not_there_or_not_ready(connect: Any, ours: str, triton: Any) -> None:
    with pytest.raises(TransportError, match="unknown model 'nil'"):
        connect("inference", triton.address, "nil").model()
    with pytest.raises(NotFound) as caught:
        connect("inference", ours, "nil").model()
    assert caught.value.reason == "MODEL_NOT_FOUND"
    client = connect("inference", triton.address, "lite0")
    client.wait_until_ready(5)
    triton.ready = False
    with pytest.raises(DeadlineExceeded, match="not SERVING"):
        client.wait_until_ready(0.3)
    with pytest.raises(ConnectionFailed):
        connect("inference", "127.0.0.1:9", "lite0").wait_until_ready(0.3)


def test_leaving_early_reads_no_more_and_cancels_what_is_under_way(
    connect: Any, triton: Any, known: Any, photos: list[bytes]
) -> None:
    client = connect("inference", triton.address, "lite0", preprocessing=known[0].preprocessing_json, batch=2)
    taken: list[int] = []
    gate, waiting = threading.Event(), threading.Semaphore(0)

    def held(features: Any) -> Any:
        """All but the first two pictures wait."""
        if not np.allclose(features[0] / np.linalg.norm(features[0]), known[1][0], atol=1e-4):
            waiting.release()
            assert gate.wait(60)
        return features

    def images() -> Any:
        for number in range(10_000):
            taken.append(number)
            yield number, photos[number % 20]

    triton.change = held
    found = client.embed_many(images(), in_flight=6)
    assert next(found).key == 0
    assert all(waiting.acquire(timeout=30) for _ in range(2))
    found.close()
    assert all(triton.over.acquire(timeout=30) for _ in range(3))
    gate.set()
    assert len(taken) <= 8
