"""Digest → served encoder, the default among them, and how they come and go without a failed call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from embed_service.batching.lane import Lane
from embed_service.batching.runner import Report, shutting_down
from embed_service.encoder.errors import EncoderError
from embed_service.encoder.model import Encoder
from embed_service.encoders.folder import EncoderFolder
from embed_service.encoders.served import Served
from vicinal.wire.errors import FailedPrecondition, InvalidArgument, NotFound

__all__ = ["Registry"]

logger = logging.getLogger(__name__)


class Registry:
    """The encoders that are served side by side; for one event loop.

    Whoever wants vectors leases an encoder, by digest or the default, and has it until the lease ends.
    Choosing and leasing is one step, so that no encoder goes between the two: a switch is to load the new
    one, make it the default and unload the old one, and no call fails on the way.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        *,
        lane: Callable[[Encoder], Lane],
        load: Callable[[Path], Encoder],
        folder: EncoderFolder,
        most: int,
    ) -> None:
        """Serve `encoders` (at least one, the first is the default) from `start` on.

        Args:
            encoders: those to begin with; one that is given twice is served once.
            lane: makes the lane of an encoder, its runner not started.
            load: reads an encoder; called in a thread.
            folder: where encoders may be loaded from later.
            most: encoders in memory at one time.

        Raises:
            ValueError: there are more encoders than `most`.
        """
        self._lane = lane
        self._load = load
        self._most = most
        self._report: Report = _unheard
        self._served = {encoder.digest: Served(encoder, lane(encoder)) for encoder in encoders}
        if len(self._served) > most:
            raise ValueError(f"{len(self._served)} encoders are given, at most {most} may be loaded")
        self._default = self._served[encoders[0].digest]
        self._loading = asyncio.Lock()
        self._leaving: dict[asyncio.Task[None], Served] = {}
        self._closed = False
        self.folder = folder

    @property
    def default(self) -> Served:
        """The encoder of whoever names none."""
        return self._default

    def all(self) -> list[Served]:
        """Return the encoders that are loaded, in the order of loading."""
        return list(self._served.values())

    def find(self, digest: str) -> Served:
        """Return the encoder of this digest, or the default where it is empty.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, it is not loaded.
        """
        served = self._served.get(digest) if digest else self._default
        if served is None:
            default = self._default.encoder
            raise FailedPrecondition(
                "ENCODER_MISMATCH",
                f"encoder_digest is {digest}, which is not loaded; "
                f"the default is {default.digest} ({default.name})",
                field="encoder_digest",
                expected=default.digest,
                value=digest,
            )
        return served

    @contextmanager
    def lease(self, digest: str) -> Iterator[Served]:
        """Hold the encoder that `find` gives: it stays until the lease ends.

        Raises:
            FailedPrecondition: ENCODER_MISMATCH, it is not loaded.
        """
        served = self.find(digest)
        with served.entered():
            yield served

    async def start(self, report: Report) -> None:
        """Warm all up and serve; from then on `report` is told whether the default encoder works.

        Raises:
            Exception: an encoder does not run.
        """
        starting = self.all()
        with ExitStack() as inside:
            for served in starting:  # who is unloaded meanwhile goes when all are warm
                inside.enter_context(served.entered())
            for served in starting:
                await served.lane.runner.start(partial(self._changed, served))
        self._report = report
        await report(self._default.ready)

    async def load(self, file: str, *, make_default: bool) -> Served:
        """Load `file` from the folder, warm it up beside those that work, and then serve it.

        Raises:
            InvalidArgument: FIELD_REQUIRED, BAD_FILE_NAME.
            NotFound: FILE_NOT_FOUND.
            FailedPrecondition: NO_ENCODER_FOLDER, MODEL_UNUSABLE, TOO_MANY_MODELS.
            Unavailable: SHUTTING_DOWN.
        """
        if not file:
            raise InvalidArgument("FIELD_REQUIRED", "file is empty: name one", field="file")
        if self._closed:
            raise shutting_down()
        path = await asyncio.to_thread(self.folder.path, file)
        async with self._loading:  # one at a time: each takes memory and cores from those that serve
            try:
                encoder = await _to_the_end(asyncio.to_thread(self._load, path))
                served = self._served.get(encoder.digest) or await self._taken_in(encoder)
            except EncoderError as error:
                raise FailedPrecondition("MODEL_UNUSABLE", str(error), field="file", value=file) from error
            if make_default:
                await self._make_default(served)
            return served

    async def set_default(self, digest: str) -> Served:
        """Let this encoder answer whoever names none, from now on.

        Raises:
            InvalidArgument: FIELD_REQUIRED.
            NotFound: MODEL_NOT_FOUND.
        """
        served = self._named(digest)
        await self._make_default(served)
        return served

    async def unload(self, digest: str) -> None:
        """Let nobody else in, wait until the last has left, and forget the encoder.

        Cancelling it stops the waiting only.

        Raises:
            InvalidArgument: FIELD_REQUIRED.
            NotFound: MODEL_NOT_FOUND.
            FailedPrecondition: MODEL_IS_DEFAULT.
        """
        served = self._named(digest)
        if served is self._default:
            message = f"{digest} ({served.encoder.name}) is the default: make another the default first"
            raise FailedPrecondition("MODEL_IS_DEFAULT", message, field="encoder_digest", value=digest)
        del self._served[digest]
        leaving = asyncio.create_task(_left(served), name="unload")
        self._leaving[leaving] = served
        leaving.add_done_callback(self._leaving.pop)
        await asyncio.shield(leaving)

    async def close(self) -> None:
        """Stop all runners; whoever still waits is refused with SHUTTING_DOWN."""
        self._closed = True
        leaving = dict(self._leaving)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        await asyncio.gather(*(served.lane.runner.close() for served in [*self.all(), *leaving.values()]))

    async def _taken_in(self, encoder: Encoder) -> Served:
        if len(self._served) + len(self._leaving) >= self._most:
            message = (
                f"{self._most} encoders are loaded or still being unloaded, which is the most: unload one"
            )
            raise FailedPrecondition("TOO_MANY_MODELS", message, limit=self._most)
        served = Served(encoder, self._lane(encoder))
        try:
            await served.lane.runner.start(partial(self._changed, served))
            if self._closed:
                raise shutting_down()
        except BaseException:
            await served.lane.runner.close()
            raise
        self._served[encoder.digest] = served
        logger.info("loaded %s (%s), dimension %d", encoder.digest, encoder.name, encoder.dimension)
        return served

    async def _make_default(self, served: Served) -> None:
        self._default = served
        logger.info("the default is %s (%s)", served.encoder.digest, served.encoder.name)
        await self._report(served.ready)

    async def _changed(self, served: Served, works: bool) -> None:
        served.ready = works
        if served is self._default:
            await self._report(works)

    def _named(self, digest: str) -> Served:
        if not digest:
            raise InvalidArgument(
                "FIELD_REQUIRED", "encoder_digest is empty: name one", field="encoder_digest"
            )
        if digest not in self._served:
            message = f"no encoder {digest} is loaded"
            raise NotFound("MODEL_NOT_FOUND", message, field="encoder_digest", value=digest)
        return self._served[digest]


async def _to_the_end(work: Awaitable[Encoder]) -> Encoder:
    """Return what `work` returns, which no cancelling stops: who is cancelled waits until it is over too."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


async def _left(served: Served) -> None:
    await served.emptied()
    await served.lane.runner.close()
    logger.info("unloaded %s (%s)", served.encoder.digest, served.encoder.name)


async def _unheard(works: bool) -> None:
    """Told before anybody listens."""
