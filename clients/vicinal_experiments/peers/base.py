"""What every peer is, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from vicinal_experiments.bench import UNLABELLED
from vicinal_experiments.data import Floats, Ints

__all__ = ["Peer", "certain", "labelled", "one_thread", "spread_out"]


class Peer(Protocol):
    """One method under comparison.

    Attributes:
        name: in tables and figures.
        inductive: whether it judges samples outside a graph; then `vectors` may hold more rows than the
            neighbour lists it was made with.
    """

    name: ClassVar[str]
    inductive: ClassVar[bool]

    def fit_predict(self, vectors: Floats, labels: Ints, seed: int) -> Floats:
        """Return scores float32 (n, classes), greater for a likelier class.

        Args:
            vectors: float32 (n, d) of unit length.
            labels: int32 (n,), class indices, −1 where unlabelled.
            seed: of what is random in it.
        """
        ...


def labelled(labels: Ints) -> npt.NDArray[np.int64]:
    """Return the rows that have a label."""
    return np.flatnonzero(labels != UNLABELLED)


def certain(chosen: int, count: int, classes: int) -> Floats:
    """Return scores (count, classes) that all say the class `chosen`: there is no other to learn of."""
    scores = np.zeros((count, classes), np.float32)
    scores[:, chosen] = 1
    return scores


def spread_out(scores: npt.NDArray[np.floating], present: Ints, classes: int) -> Floats:
    """Return scores (n, classes) from scores (n, len(present)) of the classes `present` alone."""
    whole = np.full((len(scores), classes), scores.min(initial=0.0), np.float32)
    whole[:, present] = scores
    return whole


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep BLAS to one thread: a product as narrow as the classes are few gains nothing from a second."""
    with threadpool_limits(1):
        yield
