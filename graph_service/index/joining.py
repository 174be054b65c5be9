"""Whose lists newcomers enter, found through the lists themselves.

The nodes whose lists a newcomer q enters are its *reverse* neighbours: q is near to them, though many
others may be nearer to q. A search for q's nearest sees few of those that lie far out. But what is near
to an outlier is mostly near to q too, so the outlier's list holds something that the search did find: the
candidates are the nodes found, and all who list one of them (as in NN-descent, Dong et al. 2011).
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from graph_service.index.base import Survey
from graph_service.index.half import AHEAD, Bits, dot_with, fetch, fetch_line, kernel
from graph_service.index.holders import Holders
from graph_service.index.ranking import insert
from graph_service.index.threads import CORES, in_parts
from graph_service.index.vectors import Float32Array, Int32Array, UnitVectors

__all__ = ["join"]

Int64Array = npt.NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)
Touches = tuple[Int64Array, Int32Array, Float32Array]

_LEAST_PART = 64
"""Queries worth a thread."""


def join(
    vectors: UnitVectors,
    queries: Float32Array,
    found: tuple[Int32Array, Float32Array],
    k: int,
    radii: Float32Array,
    holders: Holders,
) -> Survey:
    """What queries find, once all who list one of the w nodes found are looked at too.

    Costs about w (1 + mean length of a list) products a query, fewer where the w have holders in common.

    Args:
        vectors: of all slots.
        queries: float32 (m, d), unit rows.
        found: of a search: slots int32 (m, w), distinct in a row and padded with -1, and similarities; w at
            least k.
        k: length of the lists returned.
        radii: as for `Index.survey`.
        holders: who lists each slot.
    """
    seen, seen_similarities = np.ascontiguousarray(found[0]), np.ascontiguousarray(found[1])
    slots, similarities = seen[:, :k].copy(), seen_similarities[:, :k].copy()

    def part(low: int, high: int) -> Touches:
        rows, touched, touch_similarities = _join(
            queries[low:high],
            vectors.bits,
            vectors.scales,
            seen[low:high],
            seen_similarities[low:high],
            slots[low:high],
            similarities[low:high],
            holders.pool,
            holders.starts,
            holders.counts,
            radii,
        )
        return rows + low, touched, touch_similarities

    parts = in_parts(part, len(queries), max(_LEAST_PART, -(-len(queries) // CORES)))
    none: Touches = np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)
    touches = (np.concatenate(column) for column in zip(none, *parts, strict=True))
    return Survey(slots, similarities, *touches)


@kernel
def _candidates(
    found: Int32Array, pool: Int32Array, starts: Int64Array, counts: Int32Array, seen: Int32Array, mark: int
) -> Int32Array:
    """The slots one query found, then those who list one of them, each once; their `seen` becomes `mark`."""
    named = 0
    most = 0
    while named < len(found) and found[named] >= 0:
        seen[found[named]] = mark
        most += counts[found[named]]
        named += 1
    slots = np.empty(named + most, np.int32)
    slots[:named] = found[:named]
    count = named
    for t in range(named):
        if t + AHEAD < named:
            fetch_line(pool, starts[found[t + AHEAD]])
        start = starts[found[t]]
        for p in range(start, start + counts[found[t]]):
            if seen[pool[p]] != mark:
                seen[pool[p]] = mark
                slots[count] = pool[p]
                count += 1
    return slots[:count]


@kernel
def _join(
    queries: Float32Array, bits: Bits, scales: Float32Array, found: Int32Array,
    found_similarities: Float32Array, slots: Int32Array, similarities: Float32Array,
    pool: Int32Array, starts: Int64Array, counts: Int32Array, radii: Float32Array,
) -> tuple[Int64Array, Int32Array, Float32Array]:  # fmt: skip
    """Improve the lists of queries in place, and return the touches: query, slot, similarity."""
    room = 4 * slots.size + 64
    rows: Int64Array = np.empty(room, np.int64)
    touched: Int32Array = np.empty(room, np.int32)
    touch_similarities: Float32Array = np.empty(room, np.float32)
    count = 0
    seen = np.full(len(starts), -1, np.int32)
    for q in range(len(queries)):
        candidates = _candidates(found[q], pool, starts, counts, seen, q)
        if count + len(candidates) > room:
            room = 2 * room + len(candidates)
            rows, touched = _longer(rows, room), _longer(touched, room)
            touch_similarities = _longer(touch_similarities, room)
        for t in range(len(candidates)):
            i = candidates[t]
            if t + AHEAD < len(candidates):
                fetch(bits, candidates[t + AHEAD])
            if t < found.shape[1] and found[q, t] == i:
                similarity = found_similarities[q, t]
            else:
                product = dot_with(queries[q], bits, i) * scales[i]
                similarity = min(np.float32(1), max(np.float32(-1), product))
                insert(slots[q], similarities[q], i, similarity)
            if similarity > radii[i]:
                rows[count], touched[count], touch_similarities[count] = q, i, similarity
                count += 1
    return rows[:count], touched[:count], touch_similarities[:count]


@kernel
def _longer(array: npt.NDArray[Scalar], room: int) -> npt.NDArray[Scalar]:
    longer = np.empty(room, array.dtype)
    longer[: len(array)] = array
    return longer
