"""All lists at once: NN-descent (Dong, Moses and Li 2011) from the leaves of a few random trees.

Within a leaf every pair is compared. Then, round by round, every node looks at the lists of those in its
list, and of those that have it in theirs: whoever is near to them is likely near to it. A node reads the
lists of the round before and writes its own alone, so that rounds run on all cores without locks and the
result depends on the vectors and their order alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.index.half import AHEAD, Bits, dot, fetch, kernel
from graph_service.index.ranking import empty_lists
from graph_service.index.threads import in_parts
from graph_service.index.vectors import BoolArray, Float32Array, Int32Array, UnitVectors
from graph_service.neighbours.forest import plant

__all__ = ["build_lists"]

Int64Array = npt.NDArray[np.int64]

_TREES = 16
_LEAF = 512
_WIDTH = 30
"""Least length of a list while lists are made: with shorter ones the search loses its way."""
_SPARE = 10
"""By how much they are longer than asked for at least."""
_HOLDERS = 15
"""How many of those that list a node are looked at."""
_ROUNDS = 12
_FEW = 0.001
"""Share of the entries that a round must change for another to follow."""
_ROWS = 4096
"""Rows that a thread takes at a time, by leaves or by rounds."""


def build_lists(vectors: UnitVectors, slots: Int32Array, k: int) -> tuple[Int32Array, Float32Array]:
    """The k nearest of each slot among all the slots, nearly.

    Recall of 10 or 15 nearest is above 0.995 (docs/adr/0012-lists-at-scale.md), for some 5,000 products a
    node. Takes a second copy of the vectors, and some 700 bytes a node for lists of 20, while it runs.

    Args:
        vectors: by slot.
        slots: int32 (n,), distinct.
        k: length of a list, at least 1.

    Returns:
        Slots int32 (n, k) in the order of `slots`, nearest first, padded with -1; and similarities float32
        (n, k), padded with -inf.
    """
    width = min(max(_WIDTH, k + _SPARE), max(len(slots) - 1, 1))
    order, bounds = plant(vectors, slots, _LEAF, seed=0)
    # In the order of the leaves neighbours lie together in memory, which makes products 3 times as fast.
    near = UnitVectors(vectors.kept[order], vectors.scales[order])
    lists = _Lists(near, width)
    places = np.arange(len(order), dtype=np.int32)
    lists.join_leaves(places, bounds)
    for seed in range(1, _TREES if len(bounds) > 2 else 1):
        lists.join_leaves(*plant(near, places, _LEAF, seed))
    for _ in range(_ROUNDS):
        if lists.descend() <= _FEW * lists.neighbours.size:
            break
    found, similarities = empty_lists(len(slots), k)
    rows = np.empty(len(order), np.int64)
    rows[np.argsort(slots)] = np.argsort(order)  # where each slot stands in `order`
    named = lists.neighbours[rows, :k]
    found[:, : named.shape[1]] = np.where(named >= 0, order[named], np.int32(-1))
    similarities[:, : named.shape[1]] = lists.similarities[rows, :k]
    return found, similarities


class _Lists:
    """Lists that grow better.

    Attributes:
        neighbours: int32 (n, width), rows of the vectors by falling similarity, padded with -1.
        similarities: float32 (n, width).
        fresh: bool (n, width), what the others have not been told of.
    """

    def __init__(self, vectors: UnitVectors, width: int) -> None:
        self._vectors = vectors
        self.neighbours, self.similarities = empty_lists(len(vectors), width)
        self.fresh: BoolArray = np.zeros(self.neighbours.shape, np.bool_)

    def join_leaves(self, order: Int32Array, bounds: Int64Array) -> None:
        """Compare all pairs within each leaf."""
        vectors, lists = self._vectors, (self.neighbours, self.similarities, self.fresh)

        def part(low: int, high: int) -> None:
            _join_leaves(vectors.bits, vectors.scales, order, bounds[low : high + 1], *lists)

        in_parts(part, len(bounds) - 1, max(1, _ROWS // _LEAF))

    def descend(self) -> int:
        """One round; return how many entries it changed."""
        vectors, before = self._vectors, (self.neighbours, self.fresh)
        starts, holders, places = _holders(self.neighbours)
        self.neighbours, self.fresh = self.neighbours.copy(), np.zeros_like(self.fresh)
        after = self.neighbours, self.similarities, self.fresh

        def part(low: int, high: int) -> int:
            known = *before, starts, holders, places
            return _descend(vectors.bits, vectors.scales, *known, low, high, *after)

        return sum(in_parts(part, len(self.neighbours), _ROWS))


@kernel
def _enter(
    neighbours: Int32Array, similarities: Float32Array, fresh: BoolArray,
    i: int, j: int, similarity: np.float32,
) -> bool:  # fmt: skip
    """Put j into the list of i where it belongs, if it does and is not there; say whether it was put."""
    if similarity <= similarities[i, -1]:
        return False
    place = neighbours.shape[1]
    for t in range(neighbours.shape[1]):
        if neighbours[i, t] == j:
            return False
        if place > t and similarities[i, t] < similarity:
            place = t
    for t in range(neighbours.shape[1] - 1, place, -1):
        neighbours[i, t], fresh[i, t] = neighbours[i, t - 1], fresh[i, t - 1]
        similarities[i, t] = similarities[i, t - 1]
    neighbours[i, place], similarities[i, place], fresh[i, place] = j, similarity, True
    return True


@kernel
def _join_leaves(
    bits: Bits, scales: Float32Array, order: Int32Array, bounds: Int64Array,
    neighbours: Int32Array, similarities: Float32Array, fresh: BoolArray,
) -> None:  # fmt: skip
    """Compare all pairs of each leaf, and enter each in the list of the other."""
    for leaf in range(len(bounds) - 1):
        rows = order[bounds[leaf] : bounds[leaf + 1]]
        together = bits[rows]
        for a in range(len(rows)):
            for b in range(a + 1, len(rows)):
                i, j = rows[a], rows[b]
                product = dot(together, a, b) * scales[i] * scales[j]
                similarity = min(np.float32(1), max(np.float32(-1), product))
                _enter(neighbours, similarities, fresh, i, j, similarity)
                _enter(neighbours, similarities, fresh, j, i, similarity)


@kernel
def _holders(neighbours: Int32Array) -> tuple[Int64Array, Int32Array, npt.NDArray[np.uint8]]:
    """Who lists a row, and at which place: those of row j are from starts[j] to starts[j + 1]."""
    n, width = neighbours.shape
    starts = np.zeros(n + 1, np.int64)
    for i in range(n):
        for t in range(width):
            if neighbours[i, t] >= 0:
                starts[neighbours[i, t] + 1] += 1
    for j in range(n):
        starts[j + 1] += starts[j]
    ends = starts.copy()
    holders, places = np.empty(starts[n], np.int32), np.empty(starts[n], np.uint8)
    for i in range(n):
        for t in range(width):
            j = neighbours[i, t]
            if j >= 0:
                holders[ends[j]], places[ends[j]] = i, t
                ends[j] += 1
    return starts, holders, places


@kernel
def _around(
    neighbours: Int32Array, fresh: BoolArray, starts: Int64Array, holders: Int32Array,
    places: npt.NDArray[np.uint8], u: int, slots: Int32Array, news: BoolArray,
) -> int:  # fmt: skip
    """Write whom u lists and who lists u, and whether that is news; return how many they are."""
    count = 0
    for t in range(neighbours.shape[1]):
        if neighbours[u, t] >= 0:
            slots[count], news[count] = neighbours[u, t], fresh[u, t]
            count += 1
    for p in range(starts[u], min(starts[u + 1], starts[u] + _HOLDERS)):
        slots[count], news[count] = holders[p], fresh[holders[p], places[p]]
        count += 1
    return count


@kernel
def _descend(
    bits: Bits, scales: Float32Array, neighbours: Int32Array, fresh: BoolArray, starts: Int64Array,
    holders: Int32Array, places: npt.NDArray[np.uint8], low: int, high: int,
    new_neighbours: Int32Array, similarities: Float32Array, new_fresh: BoolArray,
) -> int:  # fmt: skip
    """Let the rows from `low` to `high` - 1 look two steps around, one of which at least is news."""
    most = neighbours.shape[1] + _HOLDERS
    first, first_news = np.empty(most, np.int32), np.empty(most, np.bool_)
    second, second_news = np.empty(most, np.int32), np.empty(most, np.bool_)
    seen = np.full(len(neighbours), -1, np.int32)
    candidates = np.empty(most * (most + 1), np.int32)
    changes = 0
    for i in range(low, high):
        seen[i] = i
        for t in range(neighbours.shape[1]):
            if neighbours[i, t] >= 0:
                seen[neighbours[i, t]] = i
        beside = _around(neighbours, fresh, starts, holders, places, i, first, first_news)
        count = 0
        for a in range(beside):
            around = _around(neighbours, fresh, starts, holders, places, first[a], second, second_news)
            second[around], second_news[around] = first[a], True
            for b in range(around + 1):
                j = second[b]
                if seen[j] != i and (first_news[a] or second_news[b]):
                    seen[j] = i
                    candidates[count] = j
                    count += 1
        for c in range(count):
            if c + AHEAD < count:
                fetch(bits, candidates[c + AHEAD])
            j = candidates[c]
            product = dot(bits, i, j) * scales[i] * scales[j]
            similarity = min(np.float32(1), max(np.float32(-1), product))
            changes += _enter(new_neighbours, similarities, new_fresh, i, j, similarity)
    return changes
