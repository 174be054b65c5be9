"""One dataset as the page shows it: counts, estimates, the curve; made anew whenever its beliefs move."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vicinal_client import (
    Accuracy,
    AsyncGraphClient,
    BeliefChanges,
    Dataset,
    FailedPrecondition,
    Interval,
    NotFound,
    Propagation,
    ResourceExhausted,
    VicinalError,
)
from vicinal_page.curve import Curve, Point
from vicinal_page.settings import SURE, TARGETS

__all__ = ["BINS", "Board", "Picture"]

BINS = 20
"""Bars of the histogram of confidences."""

_LEAST_MOVE = 0.02
_REST = 0.15
"""Seconds between two pictures: who labels fast needs no more of them."""
_SHARE = 4.0
"""Rest beside the time that a picture takes the service: the estimates of a large dataset cost something."""
_IDLE = 600.0
"""Seconds after which a dataset that nobody asks for is not followed: the service has few streams."""
_RETRY = 1.0
_POLL = 1.0
_TRIES = 3
"""To read all of one revision; when people label that fast, the next picture is soon made."""


@dataclass(frozen=True)
class Picture:
    """A dataset at one revision.

    Attributes:
        dataset: its counts and classes.
        accuracies: what the audit says, for each of `TARGETS`.
        noise: share of labels that are wrong; None where no label can be judged.
        histogram: samples by confidence, `BINS` equal parts of 0 to 1; those of no belief are left out.
        masses: samples believed to be of each class.
        unreached: samples of no belief.
        sure: share of all samples whose belief is sure.
        curve: what came before.
        trouble: why this may be out of date; empty if all is well.
    """

    dataset: Dataset
    accuracies: tuple[Accuracy, ...]
    noise: Interval | None
    histogram: tuple[int, ...]
    masses: tuple[int, ...]
    unreached: int
    sure: float
    curve: tuple[Point, ...]
    trouble: str = ""


@dataclass(frozen=True)
class _Read:
    """What a picture is made of.

    Attributes:
        spread: None where nothing is labelled.
    """

    dataset: Dataset
    accuracies: tuple[Accuracy, ...]
    noise: Interval | None
    spread: Propagation | None

    @property
    def is_whole(self) -> bool:
        """Whether all is of one revision: nobody wrote meanwhile."""
        revisions = {found.revision for found in self.accuracies}
        revisions |= {self.spread.revision} if self.spread else set()
        return revisions == {self.dataset.revision}


class Board:
    """Follows one dataset while somebody asks for it, until the dataset is deleted.

    Args:
        client: of the graph service.
        name: of the dataset.
    """

    def __init__(self, client: AsyncGraphClient, name: str) -> None:
        self.name = name
        self.is_gone = False
        self._client = client
        self._curve = Curve()
        self._beliefs: dict[str, tuple[int, float | None]] = {}
        self._picture: Picture | None = None
        self._moved = asyncio.Condition()
        self._listeners = 0
        self._asked = 0.0
        self._task: asyncio.Task[None] | None = None

    async def picture(self, min_revision: int = 0, patience: float = 30.0) -> Picture:
        """Return the newest picture, of at least this revision if it comes within `patience` seconds.

        Raises:
            NotFound: there is no such dataset.
            VicinalError: there is no picture yet, and none can be made.
        """
        self._asked = time.monotonic()
        if self._task is None or self._task.done():
            await self._refresh()
            self._task = asyncio.create_task(self._follow())
        with suppress(TimeoutError):
            async with asyncio.timeout(patience), self._moved:
                await self._moved.wait_for(lambda: self.is_gone or self._revision >= min_revision)
        return self._present

    async def pictures(self) -> AsyncGenerator[Picture, None]:
        """Yield the picture, and again whenever it is another; ends when the dataset is gone."""
        self._listeners += 1
        try:
            picture: Picture | None = await self.picture()
            while picture is not None:
                yield picture
                picture = await self._other_than(picture)
        finally:
            self._listeners -= 1

    def follow(self, beliefs: dict[str, tuple[int, float | None]]) -> None:
        """Keep up what is believed of these samples, class index and confidence; forget all others."""
        self._beliefs = {sample: self._beliefs.get(sample, known) for sample, known in beliefs.items()}

    def belief(self, sample_id: str) -> tuple[int, float | None] | None:
        """Return what is believed of a sample that is followed."""
        return self._beliefs.get(sample_id)

    async def close(self) -> None:
        """Stop following."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _other_than(self, told: Picture) -> Picture | None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._picture is not told)
            return self._picture

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, as far as is known."""
        return self._picture.dataset.classes if self._picture else ()

    @property
    def _revision(self) -> int:
        return self._picture.dataset.revision if self._picture else -1

    @property
    def _present(self) -> Picture:
        if self._picture is None:
            raise NotFound("UNKNOWN_DATASET", f"there is no dataset {self.name!r}", field="dataset")
        return self._picture

    async def _follow(self) -> None:
        """Make pictures until the dataset is gone, or nobody has asked for long."""
        while not self.is_gone and (self._listeners or time.monotonic() < self._asked + _IDLE):
            try:
                async with _at_most(_IDLE), aclosing(self._changes()) as changes:
                    async for moved in changes:
                        self._take(moved)
                        begun = time.monotonic()
                        await self._refresh()
                        await asyncio.sleep(max(_REST, _SHARE * (time.monotonic() - begun)))
            except NotFound:
                await self._end()
            except VicinalError as error:
                await self._show(replace(self._present, trouble=str(error)))
                await asyncio.sleep(_RETRY)

    async def _changes(self) -> AsyncGenerator[BeliefChanges, None]:
        """Yield what moves; where too many watch already, an empty change at each new revision."""
        try:
            watch = self._client.watch_beliefs(
                self.name, min_change=_LEAST_MOVE, changes_only=True, min_revision=0
            )
            async with aclosing(watch) as changes:
                async for moved in changes:
                    yield moved
        except ResourceExhausted:
            seen = -1
            none = np.zeros(0, np.int32), np.zeros(0, np.float32)
            while True:
                revision = (await self._client.get_dataset(self.name)).revision
                if revision != seen:
                    yield BeliefChanges(revision, (), *none, left=(), is_whole=False)
                seen = revision
                await asyncio.sleep(_POLL)

    def _take(self, moved: BeliefChanges) -> None:
        followed = self._beliefs
        for i, sample in enumerate(moved.sample_ids):
            if sample in followed:
                followed[sample] = int(moved.classes[i]), float(moved.confidences[i])

    async def _refresh(self) -> None:
        """Make the picture of the newest revision.

        Raises:
            VicinalError: a call failed.
        """
        for _ in range(_TRIES):
            read = await self._read()
            if read.is_whole:
                break
        await self._show(_pictured(read, self._curve))

    async def _read(self) -> _Read:
        """Read what a picture is made of. Each part is of the newest revision when it was asked for."""
        name = self.name
        dataset = await self._client.get_dataset(name)
        revision = dataset.revision
        accuracies = [
            await self._client.estimate_accuracy(name, target=target, min_revision=revision)
            for target in TARGETS
        ]
        noise = spread = None
        with suppress(FailedPrecondition):  # nothing is labelled
            spread = await self._client.propagate(name, min_revision=revision, include_beliefs=True)
            noise = (await self._client.estimate_noise(name, min_revision=revision)).noise_rate
        return _Read(dataset, tuple(accuracies), noise, spread)

    async def _show(self, picture: Picture) -> None:
        async with self._moved:
            self._picture = picture
            self._moved.notify_all()

    async def _end(self) -> None:
        async with self._moved:
            self.is_gone, self._picture = True, None
            self._moved.notify_all()


@asynccontextmanager
async def _at_most(seconds: float) -> AsyncGenerator[None, None]:
    """Leave the block after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            yield


def _pictured(read: _Read, curve: Curve) -> Picture:
    dataset, spread = read.dataset, read.spread
    classes: npt.NDArray[np.int32] = np.full(dataset.sample_count, -1, np.int32)
    confidences: npt.NDArray[np.float32] = np.zeros(len(classes), np.float32)
    if spread is not None and spread.classes is not None and spread.confidences is not None:
        classes, confidences = spread.classes, spread.confidences
    reached = classes >= 0
    sure = float(np.mean(confidences[reached] >= SURE) * np.mean(reached)) if reached.any() else 0.0
    held = read.accuracies[0].accuracy
    ends = (held.estimate, held.lower, held.upper) if held else (None, None, None)
    if read.is_whole:
        curve.add(Point(dataset.verified_label_count, sure, *ends))
    return Picture(
        dataset=dataset,
        accuracies=read.accuracies,
        noise=read.noise,
        histogram=tuple(np.histogram(confidences[reached], BINS, (0, 1))[0].tolist()),
        masses=tuple(np.bincount(classes[reached], minlength=len(dataset.classes)).tolist()),
        unreached=int(len(classes) - reached.sum()),
        sure=sure,
        curve=curve.points,
    )
