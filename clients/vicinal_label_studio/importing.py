"""The images of tasks: fetched, embedded, and added as samples, a batch at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from vicinal_client import AsyncEmbedClient, AsyncGraphClient
from vicinal_label_studio.fetch import AddressRefused, FetchError, ImageFetcher
from vicinal_label_studio.fetch.inline import is_inline
from vicinal_label_studio.fetch.targets import origin_of, read_url, shown
from vicinal_label_studio.objects import Task
from vicinal_label_studio.platform import LabelStudio

__all__ = ["BATCH", "FetchRules", "Importer"]

BATCH = 64
"""Tasks of one batch."""
_MOST_BYTES = 128 << 20
"""Bytes of images that are kept before they are embedded."""
_AT_ONCE = 8
_OWN_FILES = re.compile(
    r"/(data/|tasks/\d+/(resolve|presign)/|projects/\d+/(resolve|presign)/|storage-data/)"
)
"""Paths of Label Studio that are images. It gets our token, so nothing else there is asked for."""


@dataclass(frozen=True)
class FetchRules:
    """What may be fetched.

    Attributes:
        allowed_hosts: hosts besides Label Studio's own; None: any whose addresses are public.
        allow_private: loopback and private addresses too.
        max_bytes: of one image.
    """

    allowed_hosts: Collection[str] | None = None
    allow_private: bool = False
    max_bytes: int = 16 << 20


class Importer:
    """Adds the images of tasks to a dataset. One bad image is one failed task, never a stop. To be closed.

    Args:
        platform: Label Studio, whose own files are fetched with its token.
        embed: of the embedding service.
        graph: of the graph service.
        rules: what may be fetched.
    """

    def __init__(
        self, platform: LabelStudio, embed: AsyncEmbedClient, graph: AsyncGraphClient, rules: FetchRules
    ) -> None:
        self._platform = platform
        self._embed = embed
        self._graph = graph
        self._rules = rules
        self._fetcher: ImageFetcher | None = None
        self._headers: Mapping[str, str] = {}

    async def aclose(self) -> None:
        """Close the connections to where the images are."""
        if self._fetcher is not None:
            await self._fetcher.aclose()
            self._fetcher = None

    async def add(self, dataset: str, encoder_digest: str, tasks: Sequence[Task]) -> dict[int, str]:
        """Add the images of tasks, and return why those failed that did.

        Args:
            dataset: where to.
            encoder_digest: of the encoder that it is bound to.
            tasks: at most `BATCH`.

        Raises:
            PlatformAway: Label Studio cannot be reached for a new token.
            VicinalError: a service is away or refuses; what was added before stays.
        """
        failed: dict[int, str] = {}
        named = {task.sample: task.id for task in tasks}
        waiting = list(tasks)
        while waiting:
            images, waiting = await self._fetched(waiting, failed)
            outcomes = self._embed.embed_many(images, encoder_digest=encoder_digest)
            added = await self._graph.add_embedded(dataset, outcomes)
            failed.update((named[sample], error.message) for sample, error in added.refused.items())
        return failed

    async def _fetched(
        self, tasks: Sequence[Task], failed: dict[int, str]
    ) -> tuple[list[tuple[str, bytes]], list[Task]]:
        """Return the samples and images of the first of `tasks`, as memory allows, and the tasks left."""
        images: list[tuple[str, bytes]] = []
        fetcher = await self._authorized()
        for start in range(0, len(tasks), _AT_ONCE):
            part = tasks[start : start + _AT_ONCE]
            outcomes = await asyncio.gather(*(self._image(fetcher, task) for task in part))
            for task, outcome in zip(part, outcomes, strict=True):
                if isinstance(outcome, bytes):
                    images.append((task.sample, outcome))
                else:
                    failed[task.id] = outcome
            if sum(len(image) for _, image in images) > _MOST_BYTES:
                return images, list(tasks[start + _AT_ONCE :])
        return images, []

    async def _authorized(self) -> ImageFetcher:
        """Return what fetches with the token of now: the same, and its connections, until that changes."""
        headers = await self._platform.authorization()
        if self._fetcher is not None and headers == self._headers:
            return self._fetcher
        await self.aclose()
        parts = urlsplit(self._platform.url)
        self._headers = headers
        self._fetcher = ImageFetcher(
            trusted_origins={f"{parts.scheme}://{parts.netloc}": headers},
            allowed_hosts=self._rules.allowed_hosts,
            allow_private=self._rules.allow_private,
            max_bytes=self._rules.max_bytes,
        )
        return self._fetcher

    async def _image(self, fetcher: ImageFetcher, task: Task) -> bytes | str:
        """Return the task's image, or why there is none."""
        try:
            return await fetcher.fetch(self._checked(task.url or ""))
        except FetchError as error:
            return str(error)

    def _checked(self, address: str) -> str:
        """Return the URL of an image; a relative one is Label Studio's.

        Raises:
            AddressRefused: it is none, or something of Label Studio's that is no image.
        """
        if is_inline(address):
            return address
        home = read_url(self._platform.url)
        url = read_url(address, base=home)
        path = url.path.removeprefix(home.path.rstrip("/"))
        if origin_of(url) == origin_of(home) and (".." in path or not _OWN_FILES.match(path)):
            raise AddressRefused(shown(url), "no image, by its path, of Label Studio")
        return str(url)
