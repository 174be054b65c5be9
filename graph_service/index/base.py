"""What every index does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from graph_service.index.holders import Holders
from graph_service.index.vectors import Float32Array, Int32Array

__all__ = ["Index", "Survey"]


class Survey(NamedTuple):
    """What m newcomers find: whom they are near, and whose lists they enter.

    Attributes:
        slots: int32 (m, k), nearest first, padded with -1.
        similarities: float32 (m, k), padded with -inf.
        rows: int64 (t,), the query of each touch, from 0 to m - 1.
        touched: int32 (t,), the slot it touches.
        touch_similarities: float32 (t,).
    """

    slots: Int32Array
    similarities: Float32Array
    rows: npt.NDArray[np.int64]
    touched: Int32Array
    touch_similarities: Float32Array


class Index(Protocol):
    """Finds the held slots whose vectors have the highest cosine with a query.

    The vectors live in a `VectorTable` the index was made over. Similarities are in [-1, 1]. Equal
    similarities are ordered by slot where the index compares them itself. Calls that change the index
    must not run beside any other call: the caller brings the lock.
    """

    @property
    def name(self) -> str:
        """`exact` or `hnsw`: what answers searches now."""
        ...

    def __len__(self) -> int:
        """Number of slots held."""
        ...

    def surveys_exactly(self, count: int) -> bool:
        """Whether with `count` slots held no survey would miss anything."""
        ...

    def add(self, slots: Int32Array) -> None:
        """Takes in slots not held now, distinct, whose vectors are in the table already."""
        ...

    def remove(self, slots: Int32Array) -> None:
        """Lets go of slots held now, distinct. Their vectors may change or vanish afterwards."""
        ...

    def search(self, queries: Float32Array, k: int) -> tuple[Int32Array, Float32Array]:
        """The k nearest held slots of each query.

        Args:
            queries: float32 (m, d), unit rows.
            k: at least 1; may exceed the number of slots held.

        Returns:
            Slots int32 (m, k), nearest first, padded with -1, and their similarities float32 (m, k),
            padded with -inf.
        """
        ...

    def survey(
        self, queries: Float32Array, k: int, radii: Float32Array, holders: Callable[[], Holders]
    ) -> Survey:
        """`search`, and in the same pass the slots nearer to a query than their radius.

        Args:
            queries: float32 (m, d), unit rows.
            k: as for `search`.
            radii: float32, one for each slot up to the highest held: slot j is touched by a query whose
                similarity to it exceeds radii[j]. Infinity: never touched.
            holders: who lists each slot up to the highest held. An approximate index finds its way by them,
                and only one that does asks for them.

        Returns:
            All touches, but for what an approximate index misses.
        """
        ...
