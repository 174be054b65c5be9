"""Leaves of small random trees: groups of vectors that lie near each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.index.half import Bits, dot_with, kernel, widen
from graph_service.index.threads import in_parts
from graph_service.index.vectors import Float32Array, Int32Array, UnitVectors

__all__ = ["plant"]

_SAMPLE = 48
"""Vectors from which a segment's two means are taken."""
_PRIME = 1_000_003
_SEGMENTS = 8
"""Segments that a thread splits at a time."""


def plant(
    vectors: UnitVectors, slots: Int32Array, leaf: int, seed: int
) -> tuple[Int32Array, npt.NDArray[np.int64]]:
    """Sort slots so that near ones lie together: halve them along two means of a sample, and so on.

    O(n d log(n / leaf)). The same seed gives the same tree.

    Args:
        vectors: by slot.
        slots: int32 (n,).
        leaf: most slots of a leaf, at least 2. If n is more, none has less than half as many, rounded down.
        seed: which tree.

    Returns:
        The slots in the order of the leaves, int32 (n,), and where these begin, with n at the end.
    """
    order = slots.copy()
    bounds = np.array([0, len(slots)])
    while np.diff(bounds).max() > leaf:

        def part(low: int, high: int, bounds: npt.NDArray[np.int64] = bounds) -> None:
            for start, stop in zip(bounds[low:high], bounds[low + 1 : high + 1], strict=True):
                _halve(vectors.bits, vectors.scales, order[start:stop], _PRIME * seed + int(start))

        in_parts(part, len(bounds) - 1, _SEGMENTS)
        bounds = np.sort(np.concatenate([bounds, (bounds[:-1] + bounds[1:]) // 2]))
    return order, bounds


@kernel
def _halve(bits: Bits, scales: Float32Array, slots: Int32Array, seed: int) -> None:
    """Sort a segment by which of its two means is nearer, and by how much."""
    np.random.seed(seed)  # numba's own, one a thread
    near, far = _two_means(bits, scales, slots)
    direction = far - near
    along = np.empty(len(slots), np.float32)
    for p in range(len(slots)):
        along[p] = dot_with(direction, bits, slots[p]) * scales[slots[p]]
    # A median, and halves whatever the ties: equal vectors must not make a tree without end.
    slots[:] = slots[np.argsort(along)]


@kernel
def _two_means(bits: Bits, scales: Float32Array, slots: Int32Array) -> tuple[Float32Array, Float32Array]:
    """Two steps of 2-means, from two of the slots, on a sample of them."""
    dimension = bits.shape[1]
    sample = np.empty((_SAMPLE, dimension), np.float32)
    for s in range(_SAMPLE):
        slot = slots[np.random.randint(0, len(slots))]
        for c in range(dimension):
            sample[s, c] = widen(bits, slot, c) * scales[slot]
    near, far = sample[0].copy(), sample[1].copy()
    for _ in range(2):
        direction = far - near
        border = np.float32(0.5) * np.sum(direction * (far + near))
        sums = np.zeros((2, dimension), np.float32)
        counts = np.zeros(2, np.float32)
        for s in range(_SAMPLE):
            side = 1 if np.sum(direction * sample[s]) > border else 0
            sums[side] += sample[s]
            counts[side] += 1
        if counts[0] > 0 and counts[1] > 0:
            near, far = sums[0] / counts[0], sums[1] / counts[1]
    return near, far
