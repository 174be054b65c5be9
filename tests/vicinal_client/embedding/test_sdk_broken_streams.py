"""Streams that break, hang, end early or take long: each image is answered once all the same."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from vicinal.embed.v1 import embed_pb2
from vicinal_client import (
    ConnectionFailed,
    DeadlineExceeded,
    FailedPrecondition,
    RetryPolicy,
    TransportError,
    Unavailable,
)


@pytest.mark.parametrize("plan", [[0], [3], [0, 0], [5, 0, 2], [1] * 20])
@pytest.mark.parametrize("group", [1, 3])
def test_a_broken_stream_is_opened_again_for_the_unanswered(kit, embed, serving, plan, group):
    streams = serving(kit.Streams(plan, group))
    images = kit.pictures(30)
    outcomes = list(embed.embed_many(images, in_flight=6))
    kit.check(outcomes, images)
    assert len(streams.received) == len(plan) + 1
    sent = Counter(image for stream in streams.received for image in stream)
    assert set(sent) == {image for _, image in images}
    assert sum(sent.values()) <= 30 + 6 * len(plan)  # only what was in flight is sent again


def test_what_was_answered_is_not_sent_again(kit, embed, serving):
    streams = serving(kit.Streams([10]))
    outcomes = embed.embed_many(kit.pictures(30), in_flight=4)
    first = [next(outcomes).key for _ in range(10)]
    list(outcomes)
    again = set(streams.received[1])
    assert again.isdisjoint({f"image {key}".encode() for key in first})


def test_every_stream_names_the_encoder_of_the_first_answer(kit, embed, serving):
    streams = serving(kit.Streams([2, 2]))
    list(embed.embed_many(kit.pictures(9), in_flight=2))
    assert streams.digests == ["", kit.DIGEST, kit.DIGEST]
    list(embed.embed_many(kit.pictures(1), encoder_digest="cd" * 32))
    assert streams.digests[3:] == ["cd" * 32]


def test_another_encoder_after_the_break_ends_it(kit, embed, serving):
    mismatch = FailedPrecondition("ENCODER_MISMATCH", "another", field="encoder_digest")
    streams = serving(kit.Streams([5, 0]))
    streams.fail = lambda: Unavailable("SHUTTING_DOWN", "x") if len(streams.received) == 1 else mismatch
    outcomes = embed.embed_many(kit.pictures(30), in_flight=4)
    with pytest.raises(FailedPrecondition):
        list(outcomes)
    assert len(streams.received) == 2


def test_a_service_that_stays_away_ends_it(kit, embed, serving):
    streams = serving(kit.Streams([3] + [0] * 50))
    got = []
    with pytest.raises(Unavailable) as caught:
        got.extend(outcome.key for outcome in embed.embed_many(kit.pictures(30), in_flight=4))
    assert caught.value.reason == "SHUTTING_DOWN"
    assert len(streams.received) == 4  # the one with answers, then three repeats


def test_a_stream_that_ends_early_is_a_broken_one(kit, embed, serving):
    calls = []

    async def ends_early(requests, context):
        calls.append(context)
        async for request in requests:
            yield kit.answer_to(request)
            if len(calls) < 3:
                return

    serving(ends_early)
    images = kit.pictures(12)
    kit.check(list(embed.embed_many(images, in_flight=4)), images)

    async def ends_at_once(requests, context):
        calls.append(context)
        return
        yield

    serving(ends_at_once)
    with pytest.raises((ConnectionFailed, TransportError)):
        list(embed.embed_many(images, in_flight=4))


def test_answers_to_nothing_that_was_asked_are_passed_over(kit, embed, serving):
    async def chatty(requests, context):
        async for request in requests:
            yield kit.answer_to(embed_pb2.StreamEmbedRequest(index=10**9, image=b"?"))
            yield kit.answer_to(request)
            yield kit.answer_to(request)

    serving(chatty)
    images = kit.pictures(9)
    kit.check(list(embed.embed_many(images, in_flight=3)), images)


def test_a_file_that_vanishes_before_it_is_sent_again(kit, embed, serving, tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"here")
    streams = serving(kit.Streams([0]))

    def gone():
        path.unlink()
        return Unavailable("SHUTTING_DOWN", "stopping")

    streams.fail = gone
    (outcome,) = embed.embed_many([("image", path)])
    assert outcome.error.reason == "UNREADABLE"


def test_a_long_run_takes_several_streams_one_after_the_other(kit, embed, serving):
    ended = []

    async def slow(requests, context):
        async for request in requests:
            await asyncio.sleep(0.05)
            yield kit.answer_to(request)
        ended.append(context)  # by the client's closing its side, not by the deadline

    serving(slow)
    images = kit.pictures(40)
    kit.check(list(embed.embed_many(images, in_flight=2, timeout=3.0)), images)
    assert len(ended) == 2


def test_images_that_were_not_answered_in_time_are_sent_again_while_others_are(kit, embed, serving):
    received = []

    async def answers_two(requests, context):
        images = []
        received.append(images)
        async for request in requests:
            images.append(request.image)
            if len(images) <= 2:
                yield kit.answer_to(request)
        await asyncio.sleep(60)

    serving(answers_two)
    images = kit.pictures(5)
    kit.check(list(embed.embed_many(images, timeout=0.5)), images)
    assert [len(images) for images in received] == [5, 3, 1]


def test_a_service_that_hangs_exceeds_the_deadline(kit, embed, serving):
    async def hangs(requests, context):
        async for _ in requests:
            await asyncio.sleep(60)
            yield embed_pb2.StreamEmbedResponse()

    serving(hangs)
    with pytest.raises(DeadlineExceeded):
        list(embed.embed_many(kit.pictures(3), timeout=0.5))


def test_a_restart_on_the_way_is_survived(kit, connect, serving, embed_script, background):
    """The connection itself breaks: the server is stopped without grace and another takes the port."""
    streams = serving(kit.Streams())
    client = connect("embed", embed_script.address, retry=RetryPolicy(attempts=50, max_backoff=0.2))
    images = kit.pictures(60)
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
    kit.check(got, images)
    assert len(streams.received) >= 2
    background.run(embed_script.server.stop())
