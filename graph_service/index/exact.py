"""Every similarity computed: blocked matrix products over the table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from graph_service.index.base import Survey
from graph_service.index.holders import Holders
from graph_service.index.ranking import empty_lists, exceeding, select
from graph_service.index.vectors import WIDENED, BoolArray, Float32Array, Int32Array, UnitVectors, grown

__all__ = ["ExactIndex"]

_QUERIES = 1024
_NO_TOUCHES = (np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


class ExactIndex:
    """The reference, and the faster index up to some 50,000 nodes.

    It keeps one bool a slot and nothing else, so adding and removing are free and a search of m queries
    over n slots of d dimensions costs O(m n d), in one product whether or not touches are wanted.
    The product runs over ranges of slots, dead ones masked: slots are reused, so few are dead.

    Args:
        vectors: what the slots refer to.
        block: products held at a time; about 14 bytes of temporary memory each.
    """

    name = "exact"

    def __init__(self, vectors: UnitVectors, *, block: int = 2**22) -> None:
        self._vectors = vectors
        self._block = block
        self._held: BoolArray = np.zeros(0, dtype=np.bool_)
        self._end = 0

    def __len__(self) -> int:
        return int(np.count_nonzero(self._held))

    @property
    def slots(self) -> Int32Array:
        """The slots held, int32 (n,), rising."""
        return np.flatnonzero(self._held).astype(np.int32)

    def surveys_exactly(self, count: int) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def add(self, slots: Int32Array) -> None:
        """See `Index.add`. O(m)."""
        self._end = max(self._end, int(slots.max(initial=-1)) + 1)
        self._held = grown(self._held, self._end, fill=False)
        self._held[slots] = True

    def remove(self, slots: Int32Array) -> None:
        """See `Index.remove`. O(m)."""
        self._held[slots] = False

    def search(self, queries: Float32Array, k: int) -> tuple[Int32Array, Float32Array]:
        """See `Index.search`. Exact up to float32 rounding."""
        untouchable = np.full(self._end, np.inf, dtype=np.float32)
        return self._survey(queries, k, untouchable)[:2]

    def survey(
        self,
        queries: Float32Array,
        k: int,
        radii: Float32Array,
        holders: Callable[[], Holders],  # noqa: ARG002
    ) -> Survey:
        """See `Index.survey`. Misses nothing."""
        return self._survey(queries, k, radii)

    def _survey(self, queries: Float32Array, k: int, radii: Float32Array) -> Survey:
        lists = empty_lists(len(queries), k)
        touches: list[tuple[npt.NDArray[np.int64], Int32Array, Float32Array]] = [_NO_TOUCHES]
        for start in range(0, len(queries), _QUERIES):
            part = slice(start, start + _QUERIES)
            part_lists = (lists[0][part], lists[1][part])
            for low, products in self._products(queries[part]):
                select(*part_lists, products, low)
                rows, columns = exceeding(products, radii[low : low + products.shape[1]])
                touches.append((rows + start, columns + np.int32(low), products[rows, columns]))
        rows, touched, similarities = (np.concatenate(column) for column in zip(*touches, strict=True))
        return Survey(*lists, rows, touched, similarities)

    def _products(self, queries: Float32Array) -> Iterator[tuple[int, Float32Array]]:
        """First slot and similarities (m, block // m) of one range of slots after another; dead: -inf."""
        width = max(1, min(self._block // max(1, len(queries)), WIDENED // self._vectors.dimension))
        for low in range(0, self._end, width):
            held = self._held[low : min(low + width, self._end)]
            if held.any():
                products = self._vectors.similarities(queries, low, low + len(held))
                if not held.all():
                    products[:, ~held] = -np.inf
                yield low, products
