"""Who lists whom: the neighbour lists backwards, kept up as they change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.index.half import kernel
from graph_service.index.vectors import Int32Array, grown

__all__ = ["Holders"]

Int64Array = npt.NDArray[np.int64]
Room = npt.NDArray[np.uint8]

_CLASSES = 32
"""How many classes of blocks there are; see `_room`."""
_SPARE = 1.25
"""Room in the pool to begin with, over what is needed."""


class Holders:
    """The slots whose list names a slot, for each slot, in no order.

    They stand in blocks of one pool; a block that is full moves to one twice as large, and leaves its place
    to others. Some 10 bytes an entry of the lists, and 13 a slot. `enter` and `leave` cost O(1) an entry but
    for `leave`'s look at a block.

    Args:
        neighbours: int32 (slots, k), the lists, padded with -1.

    Attributes:
        pool: int32, the blocks.
        starts: int64 (slots,), where in the pool the holders of a slot begin.
        counts: int32 (slots,), how many they are.
    """

    def __init__(self, neighbours: Int32Array) -> None:
        slots = len(neighbours)
        self.counts: Int32Array = np.zeros(slots, np.int32)
        self.starts: Int64Array = np.zeros(slots, np.int64)
        self._classes: Room = np.zeros(slots, np.uint8)
        # Of each class the first block that is free, -1 if none is; every free block names the next.
        self._free: Int64Array = np.full(_CLASSES, -1, np.int64)
        end = _lay_out(neighbours, self.counts, self.starts, self._classes)
        self._end: Int64Array = np.array([end], np.int64)
        self.pool: Int32Array = np.zeros(int(_SPARE * end) + 1, np.int32)
        _fill(neighbours, self.starts, self.counts, self.pool)

    def of(self, slot: int) -> Int32Array:
        """Return who lists a slot, int32, a copy."""
        start = self.starts[slot]
        return self.pool[start : start + self.counts[slot]].copy()

    def make_room(self, slots: int) -> None:
        """Take in slots up to `slots` - 1, listed by nobody."""
        self.counts, self.starts = grown(self.counts, slots, 0), grown(self.starts, slots, 0)
        self._classes = grown(self._classes, slots, 0)

    def enter(self, listed: Int32Array, holders: Int32Array) -> None:
        """Note for each pair that `listed` is in the list of `holders` now; -1 is nobody."""
        blocks = self.starts, self.counts, self._classes, self._free, self._end
        done = 0
        while (done := _enter(listed, holders, done, self.pool, *blocks)) < len(listed):
            self.pool = grown(self.pool, len(self.pool) + 1, 0)

    def leave(self, listed: Int32Array, holders: Int32Array) -> None:
        """Note for each pair that `listed` is in the list of `holders` no more; -1 is nobody."""
        _leave(listed, holders, self.pool, self.starts, self.counts)


@kernel
def _room(size: int) -> int:
    """How many a block of this class has room for."""
    return 4 << size if size > 0 else 0


@kernel
def _lay_out(neighbours: Int32Array, counts: Int32Array, starts: Int64Array, classes: Room) -> int:
    """Give every slot a block with room for those who list it; return where the last ends."""
    for i in range(len(neighbours)):
        for j in neighbours[i]:
            if j >= 0:
                counts[j] += 1
    end = 0
    for j in range(len(counts)):
        starts[j] = end
        while _room(int(classes[j])) < counts[j]:
            classes[j] += 1
        end += _room(int(classes[j]))
    return end


@kernel
def _fill(neighbours: Int32Array, starts: Int64Array, counts: Int32Array, pool: Int32Array) -> None:
    """Write the rows that list a slot to its block."""
    counts[:] = 0
    for i in range(len(neighbours)):
        for j in neighbours[i]:
            if j >= 0:
                pool[starts[j] + counts[j]] = i
                counts[j] += 1


@kernel
def _enter(
    listed: Int32Array, holders: Int32Array, done: int, pool: Int32Array, starts: Int64Array,
    counts: Int32Array, classes: Room, free: Int64Array, end: Int64Array,
) -> int:  # fmt: skip
    """Take in pairs from `done` on; return how far the pool sufficed."""
    for t in range(done, len(listed)):
        j = listed[t]
        if j < 0:
            continue
        size = int(classes[j])
        if counts[j] == _room(size):
            block = free[size + 1]
            if block >= 0:
                free[size + 1] = pool[block]
            elif end[0] + _room(size + 1) <= len(pool):
                block = end[0]
                end[0] += _room(size + 1)
            else:
                return t
            for p in range(counts[j]):
                pool[block + p] = pool[starts[j] + p]
            if size > 0:
                pool[starts[j]], free[size] = free[size], starts[j]
            starts[j], classes[j] = block, size + 1
        pool[starts[j] + counts[j]] = holders[t]
        counts[j] += 1
    return len(listed)


@kernel
def _leave(
    listed: Int32Array, holders: Int32Array, pool: Int32Array, starts: Int64Array, counts: Int32Array
) -> None:
    for t in range(len(listed)):
        j = listed[t]
        if j < 0:
            continue
        for p in range(starts[j], starts[j] + counts[j]):
            if pool[p] == holders[t]:
                counts[j] -= 1
                pool[p] = pool[starts[j] + counts[j]]
                break
