"""The client of encoders that other servers serve."""

from __future__ import annotations

import hashlib
import operator
import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import grpc
import numpy as np

from vicinal.inference.v2 import inference_pb2
from vicinal.wire.inference import SERVICE
from vicinal_client import _inference_wire as wire
from vicinal_client._bulk import message_budget
from vicinal_client._embed_types import Embedded, Embeddings, ImageError, Model, Timing
from vicinal_client._exceptions import (
    FailedPrecondition,
    InvalidArgument,
    TransportError,
    VicinalError,
    failure_of,
)
from vicinal_client._inference_model import Usage, Wish, usage
from vicinal_client._inference_wire import Item
from vicinal_client._progress import Progress
from vicinal_client._retry import RetryPolicy
from vicinal_client._sync._backend import PendingCall, UnaryCall, answer, begin, finished, in_thread, sleep
from vicinal_client._sync._connection import Connection
from vicinal_client._sync._files import image_content

__all__ = ["InferenceClient"]

Key = TypeVar("Key")


@dataclass(frozen=True, eq=False)
class _Sent(Generic[Key]):
    """A request under way."""

    items: list[Item[Key]]
    call: PendingCall[inference_pb2.ModelInferResponse]
    started: float


class InferenceClient(Connection):
    """`EmbedClient`'s methods over the Open Inference Protocol: Triton, KServe and others instead of ours.

    A model that takes BYTES, or UINT8 [n, -1] as DALI's decoders do, is sent the encoded files. One that
    takes FP32 or FP16 [n, 3, size, size] is sent pictures that are decoded and preprocessed on this side, by
    the service's own code (`pip install 'vicinal[images]'`). Vectors are brought to length 1 on this side.

    The protocol has no errors of single images: where a server refuses a request, it is sent again in halves
    until the image is found that it was refused for.

    Args:
        target: where the server listens, e.g. "127.0.0.1:8001".
        name: the model's name.
        version: its version; empty takes the newest there is at the first call, and stays with it.
        preprocessing: how pictures become the model's input, as JSON (docs/open-inference.md). Empty takes
            what the model's metadata says; given, pictures are preprocessed on this side.
        output: name of the output that holds the vectors; empty takes the only one that can.
        encoder_digest: what to call the encoder, 64 hex digits. Empty takes the digest that the server tells,
            as ours does, else the SHA-256 over the model's name, version, tensors and preprocessing, which
            does not see when a server replaces the weights under the same version.
        batch: most images in one request.
        timeout: default seconds for one request with its repeats.
        credentials: for TLS; None connects in plain text.
        retry: when to repeat; None takes the default policy.
    """

    _service: ClassVar[str] = SERVICE

    def __init__(
        self,
        target: str,
        name: str,
        *,
        version: str = "",
        preprocessing: str = "",
        output: str = "",
        encoder_digest: str = "",
        batch: int = 32,
        timeout: float = 30.0,
        credentials: grpc.ChannelCredentials | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if batch < 1:
            raise ValueError(f"batch is {batch}, must be at least 1")
        super().__init__(target, timeout=timeout, credentials=credentials, retry=retry)
        self._wish = Wish(name, version, preprocessing, output, encoder_digest, batch)
        self._usage: Usage | None = None
        self._ready: UnaryCall[inference_pb2.ModelReadyRequest, inference_pb2.ModelReadyResponse]
        self._metadata: UnaryCall[inference_pb2.ModelMetadataRequest, inference_pb2.ModelMetadataResponse]
        self._infer: UnaryCall[inference_pb2.ModelInferRequest, inference_pb2.ModelInferResponse]
        self._ready, self._metadata, self._infer = (
            self._channel.unary_unary(
                f"/{SERVICE}/{name}",
                request_serializer=getattr(inference_pb2, f"{name}Request").SerializeToString,
                response_deserializer=getattr(inference_pb2, f"{name}Response").FromString,
            )
            for name in ("ModelReady", "ModelMetadata", "ModelInfer")
        )

    def model(self, *, timeout: float | None = None) -> Model:
        """Return the encoder that is used, with the limits in force.

        Raises:
            FailedPrecondition: MODEL_UNUSABLE, it takes no images or gives no vectors that this client
                understands, or its preprocessing is not known.
            NotFound: MODEL_NOT_FOUND, as our service says it; others give a `TransportError`.
        """
        return (self._used("", timeout)).model

    def embed(
        self,
        images: Sequence[bytes | Path],
        *,
        encoder_digest: str = "",
        timeout: float | None = None,
    ) -> Embeddings:
        """Embed a few images. One bad image is one error; the others have their vectors.

        Args:
            images: at least one encoded image.
            encoder_digest: refuse to answer from any other encoder.
            timeout: seconds for each request; None takes the client's.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, MODEL_UNUSABLE.
            InvalidArgument: FIELD_REQUIRED (no image).
        """
        if not images:
            raise InvalidArgument("FIELD_REQUIRED", "images is empty: give at least one", field="images")
        use = self._used(encoder_digest, timeout)
        seconds = self._timeout if timeout is None else timeout
        outcomes: list[Embedded[int] | None] = [None] * len(images)
        with closing(self._outcomes(use, enumerate(images), len(images), seconds)) as found:
            for outcome in found:
                outcomes[outcome.key] = outcome
        every = [outcome for outcome in outcomes if outcome is not None]
        none = np.zeros(use.model.dimension, np.float32)
        timings = [outcome.timing for outcome in every if outcome.timing is not None]
        return Embeddings(
            vectors=np.stack([none if outcome.vector is None else outcome.vector for outcome in every]),
            errors=tuple(outcome.error for outcome in every),
            content_sha256=tuple(outcome.content_sha256 for outcome in every),
            encoder_digest=use.model.encoder_digest,
            timing=max(timings, key=lambda timing: timing.inference, default=Timing(0.0, 0.0, 0.0)),
        )

    def embed_many(
        self,
        images: Iterable[tuple[Key, bytes | Path]],
        *,
        encoder_digest: str = "",
        progress: Progress | None = None,
        in_flight: int = 64,
        timeout: float = 120.0,
    ) -> Generator[Embedded[Key], None]:
        """Embed any number of images; yield one outcome an image, in about their order.

        Images are read from the iterable as earlier ones are answered, so memory stays bounded.

        Args:
            images: pairs of the caller's key, which comes back with the outcome, and the encoded image.
            encoder_digest: the encoder to insist on.
            progress: called after each image; `total` is the iterable's length if it has one.
            in_flight: images in requests under way, from which on none is added; at least 1.
            timeout: seconds for each request.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, MODEL_UNUSABLE.
            VicinalError: what a request failed with, when repeating it did not help.
        """
        if in_flight < 1:
            raise ValueError(f"in_flight is {in_flight}, must be at least 1")
        use = self._used(encoder_digest, None)
        total = operator.length_hint(images, 0)
        done = 0
        with closing(self._outcomes(use, images, in_flight, timeout)) as outcomes:
            for outcome in outcomes:
                done += 1
                if progress:
                    progress(done, total)
                yield outcome

    def _is_serving(self, timeout: float) -> bool:
        request = inference_pb2.ModelReadyRequest(name=self._wish.name, version=self._wish.version)
        return (answer(self._ready(request, timeout=timeout))).ready

    def _used(self, encoder_digest: str, timeout: float | None) -> Usage:
        """Return how the model is used, found out at the first call, once it is known to be the right one."""
        if self._usage is None:
            request = inference_pb2.ModelMetadataRequest(name=self._wish.name, version=self._wish.version)
            self._usage = usage(self._call(self._metadata, request, timeout), self._wish)
        mine = self._usage.model.encoder_digest
        if encoder_digest not in ("", mine):
            raise FailedPrecondition(
                "ENCODER_MISMATCH",
                f"encoder_digest is {encoder_digest}, the model {self._wish.name!r} has {mine}",
                field="encoder_digest",
                expected=mine,
                value=encoder_digest,
            )
        return self._usage

    def _outcomes(
        self, use: Usage, images: Iterable[tuple[Key, bytes | Path]], in_flight: int, timeout: float
    ) -> Generator[Embedded[Key], None]:
        """Send the images in batches, several under way, and yield their outcomes as batches are answered."""
        sent: deque[_Sent[Key]] = deque()
        batch: list[Item[Key]] = []
        budget = message_budget(use.model.limits.max_message_bytes)
        try:
            for key, image in images:
                item = _item(key, image, use)
                if isinstance(item, Embedded):
                    yield item
                    continue
                full = len(batch) == use.batch or sum(other.size for other in (*batch, item)) > budget
                if batch and full:
                    sent.append(self._send(batch, use, timeout))
                    batch = []
                batch.append(item)
                while sent and sum(len(one.items) for one in sent) + len(batch) > in_flight:
                    for outcome in self._answered(sent.popleft(), use, timeout):
                        yield outcome
            if batch:
                sent.append(self._send(batch, use, timeout))
            while sent:
                for outcome in self._answered(sent.popleft(), use, timeout):
                    yield outcome
        finally:
            for one in sent:
                one.call.cancel()

    def _send(self, items: list[Item[Key]], use: Usage, timeout: float) -> _Sent[Key]:
        self._check_open()
        call = begin(self._infer, wire.request(items, use), timeout)
        return _Sent(items, call, time.perf_counter())

    def _answered(self, sent: _Sent[Key], use: Usage, timeout: float) -> list[Embedded[Key]]:
        try:
            response = finished(sent.call)
        except grpc.RpcError as error:
            failure = failure_of(error)
            if wire.refuses_images(failure):
                return self._in_halves(sent.items, failure, use, timeout)
            delay = self._retry.delay(0, failure)
            if delay is None:
                raise failure from error
            sleep(delay)
            return self._again(sent.items, use, timeout)
        return wire.embedded(sent.items, response, use, time.perf_counter() - sent.started)

    def _again(self, items: list[Item[Key]], use: Usage, timeout: float) -> list[Embedded[Key]]:
        started = time.perf_counter()
        try:
            response = self._call(self._infer, wire.request(items, use), timeout)
        except (InvalidArgument, TransportError) as failure:
            return self._in_halves(items, failure, use, timeout)
        return wire.embedded(items, response, use, time.perf_counter() - started)

    def _in_halves(
        self, items: list[Item[Key]], failure: VicinalError, use: Usage, timeout: float
    ) -> list[Embedded[Key]]:
        """Infer in ever smaller parts what the server refused as a whole, down to the image it refuses."""
        alone = len(items) == 1
        if not wire.refuses_images(failure) or (alone and use.pictures is not None):
            raise failure
        if alone:
            return [wire.refused(items[0], failure, use)]
        half = len(items) // 2
        first = self._again(items[:half], use, timeout)
        return [*first, *self._again(items[half:], use, timeout)]


def _item(key: Key, image: bytes | Path, use: Usage) -> Item[Key] | Embedded[Key]:
    """Return the image as it will be sent, or its outcome when that cannot be done."""
    started = time.perf_counter()
    content = image_content(image, use.model.limits.max_image_bytes)
    if isinstance(content, ImageError):
        return Embedded(key, None, content, b"", "", None)
    digest = hashlib.sha256(content).digest()
    if use.pictures is None:
        return Item(key, content, digest, 0.0)
    tensor = in_thread(use.pictures.tensor, content)
    if isinstance(tensor, ImageError):
        return Embedded(key, None, tensor, digest, use.model.encoder_digest, None)
    return Item(key, tensor, digest, time.perf_counter() - started)
