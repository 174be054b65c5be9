"""Suggestion by coverage: where random walks go that no labelled node stops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled
from graph_service.suggestion.thinned import Thinned

__all__ = ["cover"]

Float64 = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
UInt32 = npt.NDArray[np.uint32]

_STEPS = 20
_LANES = 8
"""Nodes whose sums are taken side by side."""


def cover(graph: Thinned, count: int) -> tuple[Ints, Float64]:
    """Choose nodes one after the other, each where most walkers gather that meet no covered node.

    A walker begins at every node and takes 20 steps along edges picked uniformly; on a covered node (a
    labelled one, or one chosen before) it is gone. The v_i walkers that then stand on node i are the
    mass around it that nothing covers. Its gain is v_i / d_i^(3/4) for d_i neighbours: undivided the gain
    would choose hubs, divided by d_i outliers.

    Parts of the graph that no edge joins are weighed by their size while that is less than a covered
    node's fair share of the graph: 30 copies of one odd picture do not come before 10,000 others.

    O(count · 20 · edges).

    Args:
        graph: of s nodes; its labelled ones are covered.
        count: most nodes to choose.

    Returns:
        int64 (min(count, graph.open_count),) places in `graph.nodes` in the order chosen, the first of
        equals first, and the gain of each as float64, not negative.
    """
    size, opened = len(graph.nodes), graph.open_count
    degrees = np.diff(graph.indptr)[:opened].astype(np.float64)
    part_sizes = _part_sizes(graph.indptr, graph.indices)[:opened] / max(size, 1)
    # Side by side: the nodes of most open neighbours first, so that those of one bundle have as many.
    open_degrees = _open_degrees(graph.indptr, graph.indices, opened)
    rows = np.argsort(-open_degrees, kind="stable").astype(np.int32)
    starts, bundles = _bundled(graph.indptr, graph.indices, rows, open_degrees)
    inverse = np.zeros(_LANES * (len(starts) - 1) + 1, np.float32)
    inverse[:opened] = 1 / np.maximum(degrees[rows], 1)
    chosen = np.zeros(min(count, opened), np.int64)
    gains = np.zeros(len(chosen))
    gain = np.zeros(opened)
    for pick in range(len(chosen)):
        gain[rows] = _survivors(starts, bundles, inverse)[:opened]
        gain *= degrees**0.25 * np.minimum(part_sizes * (1 + size - opened + pick), 1)
        gain[chosen[:pick]] = -1
        best = int(gain.argmax())
        chosen[pick], gains[pick] = best, gain[best]
        inverse[:opened][rows == best] = 0
    return chosen, gains


@compiled
def _survivors(starts: Int32, bundles: UInt32, inverse: Float32) -> Float32:
    """Return v_i / d_i: on symmetric edges A that is x ← D⁻¹A x from x = 1 / d; 1 / d is 0 where covered."""
    here = inverse.copy()
    there = np.zeros_like(here)
    zero = np.float32(0)
    for _ in range(_STEPS):
        for bundle in range(len(starts) - 1):
            a = b = c = d = e = f = g = h = zero
            # Eight names, not an array: the sums stay in registers. With places that may be negative, for
            # all the compiler knows, it takes twice as long.
            for line in range(starts[bundle], starts[bundle + 1]):
                a += here[bundles[line, 0]]
                b += here[bundles[line, 1]]
                c += here[bundles[line, 2]]
                d += here[bundles[line, 3]]
                e += here[bundles[line, 4]]
                f += here[bundles[line, 5]]
                g += here[bundles[line, 6]]
                h += here[bundles[line, 7]]
            row = _LANES * bundle
            there[row] = a * inverse[row]
            there[row + 1] = b * inverse[row + 1]
            there[row + 2] = c * inverse[row + 2]
            there[row + 3] = d * inverse[row + 3]
            there[row + 4] = e * inverse[row + 4]
            there[row + 5] = f * inverse[row + 5]
            there[row + 6] = g * inverse[row + 6]
            there[row + 7] = h * inverse[row + 7]
        here, there = there, here
    return here


@compiled
def _open_degrees(indptr: UInt32, indices: UInt32, opened: int) -> Int32:
    """Return how many of the first `opened` nodes each of them is joined to."""
    degrees = np.zeros(opened, np.int32)
    for i in range(opened):
        for other in indices[indptr[i] : indptr[i + 1]]:
            if other < opened:
                degrees[i] += 1
    return degrees


@compiled
def _bundled(indptr: UInt32, indices: UInt32, rows: Int32, degrees: Int32) -> tuple[Int32, UInt32]:
    """Return where the lines of each bundle of eight rows begin, and per line a neighbour of each row.

    Neighbours are places in `rows`, which lists the open nodes; a row that has no more points behind its end.
    """
    opened = len(rows)
    count = (opened + _LANES - 1) // _LANES
    place_of = np.empty(opened, np.int32)
    starts = np.zeros(count + 1, np.int32)
    for place in range(opened):
        place_of[rows[place]] = place
        if place % _LANES == 0:
            starts[place // _LANES + 1] = starts[place // _LANES] + degrees[rows[place]]
    bundles = np.full((starts[count], _LANES), _LANES * count, np.uint32)
    for place in range(opened):
        node = rows[place]
        line = starts[place // _LANES]
        for other in indices[indptr[node] : indptr[node + 1]]:
            if other < opened:
                bundles[line, place % _LANES] = place_of[other]
                line += 1
    return starts, bundles


@compiled
def _part_sizes(indptr: UInt32, indices: UInt32) -> Ints:
    """Return how many nodes are joined to each, over any number of edges, itself included."""
    count = len(indptr) - 1
    part_of = np.full(count, -1, np.int32)
    sizes = np.zeros(count, np.int64)
    waiting = np.empty(count, np.int32)
    for root in range(count):
        if part_of[root] >= 0:
            continue
        part_of[root] = root
        waiting[0] = root
        taken, met = 0, 1
        while taken < met:
            node = waiting[taken]
            taken += 1
            for other in indices[indptr[node] : indptr[node + 1]]:
                if part_of[other] < 0:
                    part_of[other] = root
                    waiting[met] = other
                    met += 1
        sizes[root] = met
    return sizes[part_of]
