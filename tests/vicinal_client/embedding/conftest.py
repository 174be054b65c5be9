"""A StreamEmbed to test against, and what the tests of embedding share."""

from __future__ import annotations

import hashlib
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from vicinal.embed.v1 import embed_pb2, errors_pb2
from vicinal.wire.tensors import pack
from vicinal_client import Unavailable

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


@pytest.fixture
def kit():
    """The definitions above, for tests to use."""
    return SimpleNamespace(
        DIGEST=DIGEST,
        MAX_IMAGE=MAX_IMAGE,
        Streams=Streams,
        answer_to=answer_to,
        check=check,
        pictures=pictures,
        result_of=result_of,
        vector_of=vector_of,
    )
