"""The images of each step, fetched a step ahead."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor

from embed_service.training.data.order import batch_at
from embed_service.training.data.pictures import Pictures

__all__ = ["Feeder", "Part"]


class Part(NamedTuple):
    """What one process does at once.

    Attributes:
        epoch: how often the images were gone through before.
        indices: numbers of the images (n,).
        pixels: uint8 (n, 3, side, side).
    """

    epoch: int
    indices: npt.NDArray[np.int64]
    pixels: Tensor


class Feeder:
    """Hands out one process's share of each step's batch.

    Args:
        pictures: at least `batch` of them.
        batch: images a step takes, over all processes.
        seed: of the order.
        place: this process, counted from 0.
        processes: that share a batch.
        parts: that a process does its share in.
    """

    def __init__(
        self, pictures: Pictures, batch: int, seed: int, place: int, processes: int, parts: int
    ) -> None:
        self._pictures, self._batch, self._seed = pictures, batch, seed
        self._place, self._processes, self._parts = place, processes, parts
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._ahead: dict[int, Future[list[Part]]] = {}

    def parts(self, step: int) -> list[Part]:
        """Return the step's parts, and begin to fetch those of the next.

        Raises:
            TrainingError: an image cannot be read.
        """
        now = self._ahead.pop(step, None) or self._thread.submit(self._fetch, step)
        self._ahead = {step + 1: self._thread.submit(self._fetch, step + 1)}
        return now.result()

    def close(self) -> None:
        """Stop fetching."""
        self._thread.shutdown(cancel_futures=True)

    def _fetch(self, step: int) -> list[Part]:
        epoch, indices = batch_at(step, len(self._pictures), self._batch, self._seed)
        shares = [
            indices[part * self._processes + self._place :: self._processes * self._parts]
            for part in range(self._parts)
        ]
        return [Part(epoch, share, self._pictures.batch(share)) for share in shares]
