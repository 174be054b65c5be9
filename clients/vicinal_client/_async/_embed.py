"""The client of the embedding service."""

from __future__ import annotations

import operator
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import ClassVar, TypeVar

import grpc

from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc
from vicinal_client import _embed_wire as wire
from vicinal_client._async._backend import read_bytes
from vicinal_client._async._connection import AsyncConnection
from vicinal_client._async._stream import AsyncRun
from vicinal_client._embed_types import Embedded, Embeddings, LoadedModel, Model, Models, Priority
from vicinal_client._progress import Progress
from vicinal_client._retry import RetryPolicy

__all__ = ["AsyncEmbedClient"]

Key = TypeVar("Key")


class AsyncEmbedClient(AsyncConnection):
    """Images in; unit vectors out.

    A context manager; make it inside the event loop that uses it if it is the asynchronous one. The
    synchronous one may be shared by threads. Images are encoded files (JPEG, PNG, WebP, GIF), given as
    bytes or as a path to read.

    Every call has a deadline, is repeated only as `RetryPolicy` says, and raises a `VicinalError`:
    ResourceExhausted (QUEUE_FULL) when the service has too much to do, ConnectionFailed when it cannot be
    reached.

    Args:
        target: where the service listens, e.g. "127.0.0.1:50051".
        timeout: default seconds for one request with its repeats.
        credentials: for TLS; None connects in plain text.
        retry: when to repeat; None takes the default policy.
    """

    _service: ClassVar[str] = "vicinal.embed.v1.EmbeddingService"

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 30.0,
        credentials: grpc.ChannelCredentials | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        super().__init__(target, timeout=timeout, credentials=credentials, retry=retry)
        self._stub = embed_pb2_grpc.EmbeddingServiceStub(self._channel)

    async def model(self, encoder_digest: str = "", *, timeout: float | None = None) -> Model:
        """Return one encoder that is served, the default where none is named, with the limits in force.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, no such encoder is loaded.
        """
        request = embed_pb2.GetModelRequest(encoder_digest=encoder_digest)
        return wire.model(await self._call(self._stub.GetModel, request, timeout))

    async def models(self, *, timeout: float | None = None) -> Models:
        """Return the encoders that are served, and the files that may be loaded."""
        return wire.models(await self._call(self._stub.ListModels, embed_pb2.ListModelsRequest(), timeout))

    async def load_model(
        self, file: str, *, make_default: bool = False, timeout: float = 600.0
    ) -> LoadedModel:
        """Load an encoder into the service; it is warm when this returns. Nobody else's calls are disturbed.

        Args:
            file: name of a file in the service's encoder folder, without the folder.
            make_default: let it answer whoever names no encoder.
            timeout: seconds; large encoders take long on small machines.

        Raises:
            InvalidArgument: FIELD_REQUIRED, BAD_FILE_NAME.
            NotFound: FILE_NOT_FOUND.
            FailedPrecondition: NO_ENCODER_FOLDER, MODEL_UNUSABLE, TOO_MANY_MODELS.
        """
        request = embed_pb2.LoadModelRequest(file=file, make_default=make_default)
        return wire.loaded_model((await self._call(self._stub.LoadModel, request, timeout)).model)

    async def set_default_model(self, encoder_digest: str, *, timeout: float | None = None) -> LoadedModel:
        """Let a loaded encoder answer whoever names none, from now on.

        Raises:
            InvalidArgument: FIELD_REQUIRED.
            NotFound: MODEL_NOT_FOUND.
        """
        request = embed_pb2.SetDefaultModelRequest(encoder_digest=encoder_digest)
        return wire.loaded_model((await self._call(self._stub.SetDefaultModel, request, timeout)).model)

    async def unload_model(self, encoder_digest: str, *, timeout: float = 600.0) -> None:
        """Unload an encoder that is not the default, once those who use it have finished.

        New calls are refused it at once. A stream that began on it goes on to its end; an `embed_many` that
        takes several streams ends with ENCODER_MISMATCH when it would begin the next. The unloading goes on
        when the timeout has passed.

        Raises:
            InvalidArgument: FIELD_REQUIRED.
            NotFound: MODEL_NOT_FOUND.
            FailedPrecondition: MODEL_IS_DEFAULT.
        """
        request = embed_pb2.UnloadModelRequest(encoder_digest=encoder_digest)
        await self._call(self._stub.UnloadModel, request, timeout)

    async def embed(
        self,
        images: Sequence[bytes | Path],
        *,
        encoder_digest: str = "",
        priority: Priority | None = None,
        timeout: float | None = None,
    ) -> Embeddings:
        """Embed a few images in one request. One bad image is one error; the others have their vectors.

        Args:
            images: 1 to `EmbedLimits.max_images` encoded images, together at most
                `EmbedLimits.max_message_bytes`; `embed_many` takes any number.
            encoder_digest: the encoder to use; empty takes the service's default.
            priority: None is interactive.
            timeout: seconds for the call; None takes the client's.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, the encoder is not loaded.
            InvalidArgument: FIELD_REQUIRED (no image), TOO_MANY_ITEMS.
            TransportError: RESOURCE_EXHAUSTED, the images are more bytes than one message may have.
            OSError: a path cannot be read.
        """
        content = [await read_bytes(image) if isinstance(image, Path) else image for image in images]
        request = embed_pb2.EmbedRequest(
            images=content, encoder_digest=encoder_digest, priority=wire.priority_value(priority)
        )
        return wire.embeddings(await self._call(self._stub.Embed, request, timeout))

    async def embed_many(
        self,
        images: Iterable[tuple[Key, bytes | Path]],
        *,
        encoder_digest: str = "",
        priority: Priority | None = None,
        progress: Progress | None = None,
        in_flight: int = 64,
        timeout: float = 120.0,
    ) -> AsyncGenerator[Embedded[Key], None]:
        """Embed any number of images; yield one outcome an image, in the order of completion.

        Images are read from the iterable as earlier ones are answered, so memory stays bounded. A stream
        that breaks is opened again and its unanswered images are sent again: each image is yielded once.
        All vectors come from one encoder, also when the service is replaced or another encoder becomes its
        default on the way.

        Args:
            images: pairs of the caller's key, which comes back with the outcome, and the encoded image.
            encoder_digest: the encoder to insist on; empty takes the one that answers first.
            priority: None is bulk.
            progress: called after each image; `total` is the iterable's length if it has one.
            in_flight: most images sent and not answered, at least 1. They are kept in memory.
            timeout: seconds within which some image of those in flight must be answered.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, the encoder is not loaded, or no longer.
            DeadlineExceeded: no image was answered in time.
            VicinalError: what the stream failed with, when repeating it did not help.
        """
        limits = (await self.model()).limits
        total = operator.length_hint(images, 0)
        run = AsyncRun(
            self._stub.StreamEmbed,
            self._retry,
            images,
            max_image_bytes=limits.max_image_bytes,
            encoder_digest=encoder_digest,
            priority=priority,
            in_flight=in_flight,
            timeout=timeout,
        )
        done = 0
        async with aclosing(run.outcomes()) as outcomes:
            async for outcome in outcomes:
                done += 1
                if progress:
                    progress(done, total)
                yield outcome
