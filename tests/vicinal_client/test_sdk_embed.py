"""Embedding: a few images in one call, many over streams that may break."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import threading
import time
import traceback
from collections import Counter

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from vicinal.embed.v1 import embed_pb2, errors_pb2
from vicinal.wire.tensors import pack
from vicinal_client import (
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    FailedPrecondition,
    RetryPolicy,
    TransportError,
    Unavailable,
)

DIGEST = "ab" * 32
MAX_IMAGE = 10_000


def vector_of(image):
    return np.frombuffer(hashlib.sha256(image).digest(), np.uint8)[:4].astype(np.float32)


def result_of(image):
    error = None
    if image.startswith(b"bad"):
        error = embed_pb2.ImageError(
            reason=errors_pb2.ERROR_REASON_IMAGE_CORRUPT, message="cut short", metadata={"field": "image"}
        )
    return embed_pb2.ImageResult(content_sha256=hashlib.sha256(image).digest(), error=error)


def answer_to(request):
    result = result_of(request.image)
    return embed_pb2.StreamEmbedResponse(
        index=request.index,
        embedding=None if result.HasField("error") else pack(vector_of(request.image)),
        result=result,
        encoder_digest=DIGEST,
        timing=embed_pb2.Timing(queue_time=Duration(nanos=500_000_000)),
    )


class Streams:
    """A StreamEmbed that answers its first image, then groups in reverse order, and breaks as planned.

    `plan` holds for each stream the number of answers after which `fail` is raised; a stream without an
    entry lives. `received` holds the images that each stream got.
    """

    def __init__(self, plan=(), group=1, fail=None):
        self.plan = list(plan)
        self.group = group
        self.fail = fail or (lambda: Unavailable("SHUTTING_DOWN", "stopping"))
        self.received = []
        self.digests = []
        self.answered = 0
        self.most_unanswered = 0

    async def __call__(self, requests, context):
        images = []
        self.received.append(images)
        answers_left = self.plan.pop(0) if self.plan else None
        waiting = []
        async for request in requests:
            if not images:
                self.digests.append(request.encoder_digest)
            images.append(request.image)
            waiting.append(request)
            self.most_unanswered = max(self.most_unanswered, len(waiting))
            if len(images) > 1 and len(waiting) < self.group:
                continue
            while waiting:
                if answers_left == 0:
                    raise self.fail()
                answers_left = answers_left and answers_left - 1
                yield answer_to(waiting.pop())
        for request in reversed(waiting):
            yield answer_to(request)


@pytest.fixture
def serving(embed_script):
    """Start a service of the limits above, with the given StreamEmbed: `serving(Streams())`."""
    embed_script.answers["GetModel"] = lambda _: embed_pb2.GetModelResponse(
        encoder_digest=DIGEST,
        name="tiny",
        dimension=4,
        preprocessing_json="{}",
        provider="CPUExecutionProvider",
        limits=embed_pb2.Limits(max_images=8, max_image_bytes=MAX_IMAGE, max_message_bytes=2**20),
    )

    def serve(streams):
        embed_script.answers["StreamEmbed"] = streams
        return streams

    return serve


def pictures(count, start=0):
    return [(i, f"image {i}".encode()) for i in range(start, start + count)]


def check(outcomes, images):
    """Every image once, with its own vector."""
    assert Counter(outcome.key for outcome in outcomes) == Counter(key for key, _ in images)
    content = dict(images)
    for outcome in outcomes:
        np.testing.assert_array_equal(outcome.vector, vector_of(content[outcome.key]))
        assert outcome.content_sha256 == hashlib.sha256(content[outcome.key]).digest()
        assert (outcome.error, outcome.encoder_digest, outcome.timing.queue) == (None, DIGEST, 0.5)


def test_the_model(embed, serving):
    serving(None)
    model = embed.model()
    assert (model.encoder_digest, model.name, model.dimension) == (DIGEST, "tiny", 4)
    assert (model.limits.max_images, model.limits.max_image_bytes) == (8, MAX_IMAGE)


def test_a_few_images_in_one_call(embed, embed_script, tmp_path):
    (tmp_path / "b.png").write_bytes(b"second")

    def answer(request):
        return embed_pb2.EmbedResponse(
            embeddings=pack(np.stack([vector_of(image) for image in request.images])),
            results=[result_of(image) for image in request.images],
            encoder_digest=DIGEST,
            timing=embed_pb2.Timing(
                queue_time=Duration(seconds=1),
                decode_time=Duration(seconds=2),
                inference_time=Duration(seconds=3),
            ),
        )

    embed_script.answers["Embed"] = answer
    found = embed.embed([b"first", tmp_path / "b.png", b"bad third"], encoder_digest=DIGEST)
    assert found.vectors.shape == (3, 4)
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors[1], vector_of(b"second"))
    assert [error and error.reason for error in found.errors] == [None, None, "IMAGE_CORRUPT"]
    assert found.errors[2].metadata == {"field": "image"}
    assert found.content_sha256[1] == hashlib.sha256(b"second").digest()
    assert (found.timing.queue, found.timing.decode, found.timing.inference) == (1.0, 2.0, 3.0)
    assert embed_script.requests("Embed")[0].encoder_digest == DIGEST
    with pytest.raises(FileNotFoundError):
        embed.embed([tmp_path / "none.png"])


def test_many_images_are_each_answered_once_in_order_of_completion(embed, serving):
    serving(Streams(group=4))
    images = pictures(50)
    steps = []
    outcomes = list(embed.embed_many(images, in_flight=8, progress=lambda *at: steps.append(at)))
    check(outcomes, images)
    assert [outcome.key for outcome in outcomes[:5]] == [0, 4, 3, 2, 1]
    assert steps == [(i + 1, 50) for i in range(50)]


def test_no_images_are_no_outcomes(embed, serving):
    serving(Streams())
    assert list(embed.embed_many([])) == []


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_the_iterable_is_read_as_images_are_answered(embed, serving, in_flight):
    streams = serving(Streams(group=in_flight))
    pulled = []
    steps = []

    def source():
        for key, image in pictures(23):
            pulled.append(key)
            yield key, image

    done = 0
    for _ in embed.embed_many(source(), in_flight=in_flight, progress=lambda *at: steps.append(at)):
        done += 1
        assert len(pulled) <= done + in_flight
    assert done == 23
    assert streams.most_unanswered == in_flight  # and it does fill the window
    assert steps[-1] == (23, 0)  # the length of a generator is not known


@pytest.mark.parametrize("plan", [[0], [3], [0, 0], [5, 0, 2], [1] * 20])
@pytest.mark.parametrize("group", [1, 3])
def test_a_broken_stream_is_opened_again_for_the_unanswered(embed, serving, plan, group):
    streams = serving(Streams(plan, group))
    images = pictures(30)
    outcomes = list(embed.embed_many(images, in_flight=6))
    check(outcomes, images)
    assert len(streams.received) == len(plan) + 1
    sent = Counter(image for stream in streams.received for image in stream)
    assert set(sent) == {image for _, image in images}
    assert sum(sent.values()) <= 30 + 6 * len(plan)  # only what was in flight is sent again


def test_what_was_answered_is_not_sent_again(embed, serving):
    streams = serving(Streams([10]))
    outcomes = embed.embed_many(pictures(30), in_flight=4)
    first = [next(outcomes).key for _ in range(10)]
    list(outcomes)
    again = set(streams.received[1])
    assert again.isdisjoint({f"image {key}".encode() for key in first})


def test_every_stream_names_the_encoder_of_the_first_answer(embed, serving):
    streams = serving(Streams([2, 2]))
    list(embed.embed_many(pictures(9), in_flight=2))
    assert streams.digests == ["", DIGEST, DIGEST]
    list(embed.embed_many(pictures(1), encoder_digest="cd" * 32))
    assert streams.digests[3:] == ["cd" * 32]


def test_another_encoder_after_the_break_ends_it(embed, serving):
    mismatch = FailedPrecondition("ENCODER_MISMATCH", "another", field="encoder_digest")
    streams = serving(Streams([5, 0]))
    streams.fail = lambda: Unavailable("SHUTTING_DOWN", "x") if len(streams.received) == 1 else mismatch
    outcomes = embed.embed_many(pictures(30), in_flight=4)
    with pytest.raises(FailedPrecondition):
        list(outcomes)
    assert len(streams.received) == 2


def test_a_service_that_stays_away_ends_it(embed, serving):
    streams = serving(Streams([3] + [0] * 50))
    got = []
    with pytest.raises(Unavailable) as caught:
        got.extend(outcome.key for outcome in embed.embed_many(pictures(30), in_flight=4))
    assert caught.value.reason == "SHUTTING_DOWN"
    assert len(streams.received) == 4  # the one with answers, then three repeats


def test_a_stream_that_ends_early_is_a_broken_one(embed, serving):
    calls = []

    async def ends_early(requests, context):
        calls.append(context)
        async for request in requests:
            yield answer_to(request)
            if len(calls) < 3:
                return

    serving(ends_early)
    images = pictures(12)
    check(list(embed.embed_many(images, in_flight=4)), images)

    async def ends_at_once(requests, context):
        calls.append(context)
        return
        yield

    serving(ends_at_once)
    with pytest.raises((ConnectionFailed, TransportError)):
        list(embed.embed_many(images, in_flight=4))


def test_answers_to_nothing_that_was_asked_are_passed_over(embed, serving):
    async def chatty(requests, context):
        async for request in requests:
            yield answer_to(embed_pb2.StreamEmbedRequest(index=10**9, image=b"?"))
            yield answer_to(request)
            yield answer_to(request)

    serving(chatty)
    images = pictures(9)
    check(list(embed.embed_many(images, in_flight=3)), images)


def test_bad_images_are_outcomes_and_the_rest_goes_on(embed, serving, tmp_path):
    streams = serving(Streams())
    (tmp_path / "good.png").write_bytes(b"good")
    (tmp_path / "huge.png").write_bytes(bytes(MAX_IMAGE + 1))
    images = [
        ("missing", tmp_path / "missing.png"),
        ("folder", tmp_path),
        ("corrupt", b"bad"),
        ("huge", bytes(MAX_IMAGE + 1)),
        ("huge file", tmp_path / "huge.png"),
        ("largest", bytes(MAX_IMAGE)),
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
    assert streams.received == [[b"bad", bytes(MAX_IMAGE), b"good"]]


def test_all_images_unreadable(embed, serving, tmp_path):
    serving(Streams())
    images = [(i, tmp_path / str(i)) for i in range(20)]
    outcomes = list(embed.embed_many(images, in_flight=3))
    assert [outcome.key for outcome in outcomes] == list(range(20))


def test_a_file_that_vanishes_before_it_is_sent_again(embed, serving, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"here")
    streams = serving(Streams([0]))

    def gone():
        path.unlink()
        return Unavailable("SHUTTING_DOWN", "stopping")

    streams.fail = gone
    (outcome,) = embed.embed_many([("image", path)])
    assert outcome.error.reason == "UNREADABLE"


def test_a_long_run_takes_several_streams_one_after_the_other(embed, serving):
    ended = []

    async def slow(requests, context):
        async for request in requests:
            await asyncio.sleep(0.05)
            yield answer_to(request)
        ended.append(context)  # by the client's closing its side, not by the deadline

    serving(slow)
    images = pictures(40)
    check(list(embed.embed_many(images, in_flight=2, timeout=3.0)), images)
    assert len(ended) == 2


def test_images_that_were_not_answered_in_time_are_sent_again_while_others_are(embed, serving):
    received = []

    async def answers_two(requests, context):
        images = []
        received.append(images)
        async for request in requests:
            images.append(request.image)
            if len(images) <= 2:
                yield answer_to(request)
        await asyncio.sleep(60)

    serving(answers_two)
    images = pictures(5)
    check(list(embed.embed_many(images, timeout=0.5)), images)
    assert [len(images) for images in received] == [5, 3, 1]


def test_a_service_that_hangs_exceeds_the_deadline(embed, serving):
    async def hangs(requests, context):
        async for _ in requests:
            await asyncio.sleep(60)
            yield embed_pb2.StreamEmbedResponse()

    serving(hangs)
    with pytest.raises(DeadlineExceeded):
        list(embed.embed_many(pictures(3), timeout=0.5))


def test_a_restart_on_the_way_is_survived(connect, serving, embed_script, background):
    """The connection itself breaks: the server is stopped without grace and another takes the port."""
    streams = serving(Streams())
    client = connect("embed", embed_script.address, retry=RetryPolicy(attempts=50, max_backoff=0.2))
    images = pictures(60)
    outcomes = client.embed_many(images, in_flight=5)
    got = [next(outcomes) for _ in range(20)]
    old = embed_script.server

    async def restart():
        await old.stop()
        new = type(old)(
            old.options.__class__(port=old.port, grace=0.0),
            domain=old._domain,
            services=old._services,
            register=old._register,
        )
        await new.start()
        embed_script.server = new

    background.run(restart())
    got.extend(outcomes)
    check(got, images)
    assert len(streams.received) >= 2
    background.run(embed_script.server.stop())


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


def test_leaving_early_cancels_the_stream_and_leaves_no_thread(embed, serving):
    ended = threading.Event()

    async def endless(requests, context):
        try:
            async for request in requests:
                yield answer_to(request)
            await asyncio.sleep(60)
        finally:
            ended.set()

    serving(endless)
    outcomes = embed.embed_many(pictures(1000), in_flight=4)
    next(outcomes)
    outcomes.close()
    assert ended.wait(20)
    patience = time.monotonic() + 20
    while drains():
        assert time.monotonic() < patience
        time.sleep(0.01)


def test_closing_the_client_cancels_the_stream(embed, serving):
    async def answers_one(requests, context):
        async for request in requests:
            yield answer_to(request)
            await asyncio.sleep(60)

    serving(answers_one)
    outcomes = embed.embed_many(pictures(9), in_flight=2)
    next(outcomes)
    threading.Timer(0.1, embed.close).start()
    with pytest.raises(Cancelled):
        next(outcomes)


def test_an_error_in_the_iterable_reaches_the_caller(embed, serving):
    serving(Streams())

    def source():
        yield from pictures(5)
        raise KeyError("the caller's own")

    with pytest.raises(KeyError, match="the caller's own"):
        list(embed.embed_many(source(), in_flight=2))


@pytest.mark.parametrize("wrong", [{"in_flight": 0}, {"timeout": 0.0}])
def test_arguments_that_make_no_sense_are_refused(embed, serving, wrong):
    serving(Streams())
    with pytest.raises(ValueError, match="must be"):
        list(embed.embed_many(pictures(2), **wrong))
