"""Which images each step takes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Batch", "batch_at"]


class Batch(NamedTuple):
    """One step's images.

    Attributes:
        epoch: how often the images were gone through before.
        indices: numbers of the images, int64 (n,), all different.
    """

    epoch: int
    indices: npt.NDArray[np.int64]


def batch_at(step: int, count: int, batch: int, seed: int) -> Batch:
    """Return what a step takes: each epoch is a new shuffle, what fills no whole batch is left for the next.

    A function of the step alone, so that a run can begin anywhere.

    Args:
        step: counted from 0.
        count: images there are, at least `batch`.
        batch: images a step takes.
        seed: of the run.
    """
    epoch, place = divmod(step, count // batch)
    return Batch(epoch, _shuffled(seed, epoch, count)[place * batch : (place + 1) * batch])


@lru_cache(maxsize=2)
def _shuffled(seed: int, epoch: int, count: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)
