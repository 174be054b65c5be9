"""Embedding: a few images in one call, many over a stream."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import threading
import time
import traceback

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from vicinal.embed.v1 import embed_pb2
from vicinal.wire.tensors import pack
from vicinal_client import (
    Cancelled,
)


def test_the_model(kit, embed, serving):
    serving(None)
    model = embed.model()
    assert (model.encoder_digest, model.name, model.dimension) == (kit.DIGEST, "tiny", 4)
    assert (model.limits.max_images, model.limits.max_image_bytes) == (8, kit.MAX_IMAGE)


def test_a_few_images_in_one_call(kit, embed, embed_script, tmp_path):
    (tmp_path / "b.png").write_bytes(b"second")

    def answer(request):
        return embed_pb2.EmbedResponse(
            embeddings=pack(np.stack([kit.vector_of(image) for image in request.images])),
            results=[kit.result_of(image) for image in request.images],
            encoder_digest=kit.DIGEST,
            timing=embed_pb2.Timing(
                queue_time=Duration(seconds=1),
                decode_time=Duration(seconds=2),
                inference_time=Duration(seconds=3),
            ),
        )

    embed_script.answers["Embed"] = answer
    found = embed.embed([b"first", tmp_path / "b.png", b"bad third"], encoder_digest=kit.DIGEST)
    assert found.vectors.shape == (3, 4)
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors[1], kit.vector_of(b"second"))
    assert [error and error.reason for error in found.errors] == [None, None, "IMAGE_CORRUPT"]
    assert found.errors[2].metadata == {"field": "image"}
    assert found.content_sha256[1] == hashlib.sha256(b"second").digest()
    assert (found.timing.queue, found.timing.decode, found.timing.inference) == (1.0, 2.0, 3.0)
    assert embed_script.requests("Embed")[0].encoder_digest == kit.DIGEST
    with pytest.raises(FileNotFoundError):
        embed.embed([tmp_path / "none.png"])


def test_many_images_are_each_answered_once_in_order_of_completion(kit, embed, serving):
    serving(kit.Streams(group=4))
    images = kit.pictures(50)
    steps = []
    outcomes = list(embed.embed_many(images, in_flight=8, progress=lambda *at: steps.append(at)))
    kit.check(outcomes, images)
    assert [outcome.key for outcome in outcomes[:5]] == [0, 4, 3, 2, 1]
    assert steps == [(i + 1, 50) for i in range(50)]


def test_no_images_are_no_outcomes(kit, embed, serving):
    serving(kit.Streams())
    assert list(embed.embed_many([])) == []


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_the_iterable_is_read_as_images_are_answered(kit, embed, serving, in_flight):
    streams = serving(kit.Streams(group=in_flight))
    pulled = []
    steps = []

    def source():
        for key, image in kit.pictures(23):
            pulled.append(key)
            yield key, image

    done = 0
    for _ in embed.embed_many(source(), in_flight=in_flight, progress=lambda *at: steps.append(at)):
        done += 1
        assert len(pulled) <= done + in_flight
    assert done == 23
    assert streams.most_unanswered == in_flight  # and it does fill the window
    assert steps[-1] == (23, 0)  # the length of a generator is not known


def test_bad_images_are_outcomes_and_the_rest_goes_on(kit, embed, serving, tmp_path):
    streams = serving(kit.Streams())
    (tmp_path / "good.png").write_bytes(b"good")
    (tmp_path / "huge.png").write_bytes(bytes(kit.MAX_IMAGE + 1))
    images = [
        ("missing", tmp_path / "missing.png"),
        ("folder", tmp_path),
        ("corrupt", b"bad"),
        ("huge", bytes(kit.MAX_IMAGE + 1)),
        ("huge file", tmp_path / "huge.png"),
        ("largest", bytes(kit.MAX_IMAGE)),
        ("good", tmp_path / "good.png"),
    ]
    outcomes = {outcome.key: outcome for outcome in embed.embed_many(images, in_flight=2)}
    reasons = {key: outcome.error and outcome.error.reason for key, outcome in outcomes.items()}
    assert reasons == {
        "missing": "UNREADABLE",
        "folder": "UNREADABLE",
        "corrupt": "IMAGE_CORRUPT",
        "huge": "IMAGE_TOO_LARGE",
        "huge file": "IMAGE_TOO_LARGE",
        "largest": None,
        "good": None,
    }
    assert all((outcome.vector is None) == (outcome.error is not None) for outcome in outcomes.values())
    assert outcomes["huge"].error.metadata == {"field": "image", "limit": "10000", "value": "10001"}
    assert outcomes["huge"].timing is None
    assert streams.received == [[b"bad", bytes(kit.MAX_IMAGE), b"good"]]


def test_all_images_unreadable(kit, embed, serving, tmp_path):
    serving(kit.Streams())
    images = [(i, tmp_path / str(i)) for i in range(20)]
    outcomes = list(embed.embed_many(images, in_flight=3))
    assert [outcome.key for outcome in outcomes] == list(range(20))


def test_bulky_images_and_answers_do_not_lock_each_other_out(embed, serving, embed_script):
    """Flow control in both directions: the server takes no more while its answers are not read."""
    model = embed_script.answers["GetModel"](None)
    model.limits.max_image_bytes = 2**20
    embed_script.answers["GetModel"] = lambda _: model
    wide = pack(np.zeros(2**16, np.float32))

    async def one_by_one(requests, context):
        async for request in requests:
            yield embed_pb2.StreamEmbedResponse(index=request.index, embedding=wide)

    serving(one_by_one)
    images = [(i, bytes(2**18)) for i in range(100)]
    outcomes = list(embed.embed_many(images, in_flight=64))
    assert sorted(outcome.key for outcome in outcomes) == list(range(100))


def drains():
    """Threads that wait for a request to send."""
    stacks = map(traceback.extract_stack, sys._current_frames().values())
    return sum(any(frame.name == "_drained" for frame in stack) for stack in stacks)


def test_leaving_early_cancels_the_stream_and_leaves_no_thread(kit, embed, serving):
    ended = threading.Event()

    async def endless(requests, context):
        try:
            async for request in requests:
                yield kit.answer_to(request)
            await asyncio.sleep(60)
        finally:
            ended.set()

    serving(endless)
    outcomes = embed.embed_many(kit.pictures(1000), in_flight=4)
    next(outcomes)
    outcomes.close()
    assert ended.wait(20)
    patience = time.monotonic() + 20
    while drains():
        assert time.monotonic() < patience
        time.sleep(0.01)


def test_closing_the_client_cancels_the_stream(kit, embed, serving):
    async def answers_one(requests, context):
        async for request in requests:
            yield kit.answer_to(request)
            await asyncio.sleep(60)

    serving(answers_one)
    outcomes = embed.embed_many(kit.pictures(9), in_flight=2)
    next(outcomes)
    threading.Timer(0.1, embed.close).start()
    with pytest.raises(Cancelled):
        next(outcomes)


def test_an_error_in_the_iterable_reaches_the_caller(kit, embed, serving):
    serving(kit.Streams())

    def source():
        yield from kit.pictures(5)
        raise KeyError("the caller's own")

    with pytest.raises(KeyError, match="the caller's own"):
        list(embed.embed_many(source(), in_flight=2))


@pytest.mark.parametrize("wrong", [{"in_flight": 0}, {"timeout": 0.0}])
def test_arguments_that_make_no_sense_are_refused(kit, embed, serving, wrong):
    serving(kit.Streams())
    with pytest.raises(ValueError, match="must be"):
        list(embed.embed_many(kit.pictures(2), **wrong))
