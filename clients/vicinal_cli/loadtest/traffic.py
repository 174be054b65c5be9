"""The operations of a load: what annotators and readers do, with the service's own words for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from functools import partial

import numpy as np

from vicinal_cli.loadtest.orders import CLICK, INGEST, READS, Job
from vicinal_cli.loadtest.synthetic import Synthetic
from vicinal_client import AsyncGraphClient, Suggestions

__all__ = ["Propagations", "Traffic"]

_SUGGESTIONS = 10
_PAGE = 1_000
_FLAGS = 100
_CLASSIFIED = 8
_FIRST_NEW, _OWN = 50_000_000, 1_000_000
"""Number of the first sample that is added under load, and how many numbers each worker has for its own."""


class Propagations:
    """How many propagations this process waits for, so that reads know whether one was under way."""

    def __init__(self) -> None:
        self._under_way = 0
        self._begun = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one while the block runs."""
        self._begun += 1
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def watch(self) -> Callable[[], bool]:
        """Return what tells, later, whether any was under way between now and then."""
        before, begun = self._under_way, self._begun
        return lambda: before > 0 or self._begun > begun


class _Annotator:
    """One person: the samples that were suggested last, and what to say of them."""

    def __init__(self, job: Job, number: int) -> None:
        self.name = f"loadtest-{number}"
        self._subject = job.subject
        self._truth = Synthetic(job.subject.dimension, len(job.subject.classes), job.subject.seed)
        self._random = np.random.default_rng([job.subject.seed, number])
        self._suggested: deque[tuple[str, int]] = deque()

    def labels(self, count: int) -> dict[str, str]:
        """Return the next samples to label, each with the name of a class.

        The class is the sample's own where that is known, else the one that is believed, else any.
        """
        chosen: dict[str, str] = {}
        while len(chosen) < count:
            sample, believed = self._suggested.popleft() if self._suggested else (self._any(), -1)
            index = self._truth.class_of(sample)
            if index is None:
                index = believed if believed >= 0 else int(self._random.integers(len(self._subject.classes)))
            chosen[sample] = self._subject.classes[index]
        return chosen

    def hear(self, suggestions: Suggestions) -> None:
        """Take what is suggested, in place of what was before; two annotators begin at different ones."""
        self._suggested = deque((one.sample_id, one.class_index) for one in suggestions)
        if self._suggested:
            self._suggested.rotate(-int(self._random.integers(len(self._suggested))))

    def _any(self) -> str:
        ids = self._subject.ids
        return ids[int(self._random.integers(len(ids)))]


class Traffic:
    """The operations of one worker on one dataset, by name.

    Attributes:
        operations: name → what does it once; raises VicinalError.
        annotators: how many click.
        propagations: those under way.
    """

    def __init__(self, client: AsyncGraphClient, job: Job) -> None:
        self._client = client
        self._job = job
        self._dataset = job.subject.dataset
        self._annotators = [_Annotator(job, number) for number in job.annotators]
        self._turn = 0
        self._new = Synthetic(job.subject.dimension, len(job.subject.classes), job.subject.seed)
        self._added = 0
        self.annotators = len(self._annotators)
        self.propagations = Propagations()
        reads = (self._export, self._flag, self._classify, self._suggest)
        self.operations: dict[str, Callable[[], Awaitable[None]]] = {
            CLICK: self._next_click,
            INGEST: self._ingest,
            **dict(zip(READS, reads, strict=True)),
        }

    async def prepare(self) -> None:
        """Learn the limits, and what to label first, so that no operation has to."""
        await self._client.limits(self._dataset)
        suggested = await self._client.suggest(self._dataset, 10 * _SUGGESTIONS, min_revision=0)
        for annotator in self._annotators:
            annotator.hear(suggested)

    def click_of(self, number: int) -> Callable[[], Awaitable[None]]:
        """Return the click of one of this worker's annotators, from 0 up to `annotators`."""
        return partial(self._click, self._annotators[number])

    async def _next_click(self) -> None:
        self._turn += 1
        await self._click(self._annotators[self._turn % self.annotators])

    async def _click(self, annotator: _Annotator) -> None:
        labels = annotator.labels(self._job.labels)
        revision = await self._client.add_labels(self._dataset, labels, annotator=annotator.name)
        with self.propagations.one():
            await self._client.propagate(self._dataset, min_revision=revision)
        annotator.hear(await self._client.suggest(self._dataset, _SUGGESTIONS, min_revision=revision))

    async def _export(self) -> None:
        pages = self._client.iter_beliefs(self._dataset, page_size=_PAGE, min_revision=0)
        async with aclosing(pages):
            await anext(pages)

    async def _flag(self) -> None:
        await self._client.flag_errors(self._dataset, limit=_FLAGS, min_revision=0)

    async def _classify(self) -> None:
        digest = self._job.subject.encoder_digest
        vectors = self._new.vectors(0, _CLASSIFIED)
        await self._client.classify(self._dataset, vectors, encoder_digest=digest, min_revision=0)

    async def _suggest(self) -> None:
        await self._client.suggest(self._dataset, _SUGGESTIONS, min_revision=0)

    async def _ingest(self) -> None:
        # Those of an earlier load are counted among the samples, so that theirs are other numbers.
        start = _FIRST_NEW + _OWN * self._job.worker + self._job.subject.samples + self._added
        stop = start + self._job.ingest
        self._added += self._job.ingest
        ids, vectors = self._new.ids(start, stop), self._new.vectors(start, stop)
        digest = self._job.subject.encoder_digest
        await self._client.add_samples(self._dataset, ids, vectors, encoder_digest=digest)
