"""Samples to nodes: exact duplicates share one point of the graph.

Copies would fill each other's neighbour lists and cut the graph apart, so samples with the same key (their
content hash, or without one the bytes of their vector) are one node. Its vector is that of its earliest
sample, whatever the order of events, so the graph depends on the present samples alone.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from graph_service.neighbours.graph import NeighbourGraph

__all__ = ["Nodes", "key_of"]

Float16 = npt.NDArray[np.float16]
Int32 = npt.NDArray[np.int32]


def key_of(content_hash: bytes, vector: npt.NDArray[np.float16]) -> bytes:
    """Return what exact duplicates have in common."""
    return content_hash or b"v" + hashlib.blake2b(vector.tobytes(), digest_size=16).digest()


class Nodes:
    """Which samples make up which node, and the neighbour graph over the nodes.

    Samples are named by their row (an int that grows in order of arrival). `put`, `attach` and `detach` only
    keep the books; `flush` brings the graph in line with them, so that a replay can do so once for many
    events. The books cost some 60 bytes a sample and those of its key.
    """

    def __init__(self, graph: NeighbourGraph, dimension: int) -> None:
        self.graph = graph
        self._dimension = dimension
        self.node_of_row: Int32 = np.full(1024, -1, np.int32)
        self._keys: list[bytes | None] = []
        # The rows of each node: mostly one, and else a rising list.
        self._members: dict[bytes, int | list[int]] = {}
        # Vectors that the graph does not hold: of samples not flushed yet, and of later duplicates.
        self._spare: dict[int, Float16] = {}
        # Keys touched since the last flush: the row whose vector the graph holds for them, and their slot
        # there; -1 where there is none.
        self._touched: dict[bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        """Return the number of nodes as of the last flush."""
        return len(self.graph)

    @property
    def pending(self) -> int:
        """How many nodes the next flush will touch."""
        return len(self._touched)

    def __contains__(self, row: int) -> bool:
        """Say whether a sample is attached."""
        return row < len(self._keys) and self._keys[row] is not None

    def key(self, row: int) -> bytes:
        """Return the key of an attached sample's node."""
        key = self._keys[row]
        if key is None:
            raise KeyError(row)
        return key

    def put(self, row: int, key: bytes, vector: Float16) -> None:
        """Attach a sample, or move it from where it is; one that is there with this vector stays."""
        if row in self:
            if self._holds(row, key, vector):
                return
            self.detach(row)
        self.attach(row, key, vector)

    def _holds(self, row: int, key: bytes, vector: Float16) -> bool:
        """Say whether a sample is in the node of `key` with just this vector (as of the last flush)."""
        if self._keys[row] != key or key in self._touched:
            return False
        mine = self._spare[row] if row in self._spare else self._vector_at(int(self.node_of_row[row]))
        return np.array_equal(mine, vector)

    def attach(self, row: int, key: bytes, vector: Float16) -> None:
        """Put a sample (not attached now), with its kept vector, into the node of `key`."""
        self._touch(key)
        rows = self._rows(key)
        bisect.insort(rows, row)
        self._members[key] = rows if len(rows) > 1 else row
        self._keys.extend([None] * (row + 1 - len(self._keys)))
        self._keys[row] = key
        self._spare[row] = vector.copy()  # a view would keep all vectors that came with it

    def detach(self, row: int) -> None:
        """Take a sample out of its node."""
        key = self.key(row)
        self._touch(key)
        held, slot = self._touched[key]
        if held == row:  # the graph's vector leaves with the sample it came from
            self._touched[key] = -1, slot
        rows = self._rows(key)
        rows.remove(row)
        if rows:
            self._members[key] = rows if len(rows) > 1 else rows[0]
        else:
            del self._members[key]
        self._keys[row] = None
        self._spare.pop(row, None)
        self._set_node([row], -1)

    def _rows(self, key: bytes) -> list[int]:
        """Return the rows of a node, rising; none where there is no such node."""
        rows = self._members.get(key, [])
        return [rows] if isinstance(rows, int) else rows

    def _touch(self, key: bytes) -> None:
        if key not in self._touched:
            rows = self._rows(key)
            self._touched[key] = (rows[0], int(self.node_of_row[rows[0]])) if rows else (-1, -1)

    def flush(self, *, settle: bool = True) -> None:
        """Update the graph for all that was attached and detached since the last flush.

        Args:
            settle: whether the neighbour lists must be right afterwards; see `NeighbourGraph.update`.
        """
        gone, moved, fresh = self._changes()
        slots = self.graph.update(
            remove=np.array([self._touched[key][1] for key in gone], np.int32),
            move=(np.array([self._touched[key][1] for key in moved], np.int32), self._first_vectors(moved)),
            add=self._first_vectors(fresh),
            settle=settle,
        )
        slot_of = dict(zip(fresh, slots.tolist(), strict=True))
        for key, (_, slot) in self._touched.items():
            self._set_node(self._rows(key), slot_of.get(key, slot))
        self._touched.clear()

    def _changes(self) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Return the keys whose node must go, those whose vector changes, and those that need a node."""
        gone, moved, fresh = [], [], []
        for key, (held, slot) in self._touched.items():
            rows = self._rows(key)
            if slot < 0:
                if rows:
                    fresh.append(key)
            elif not rows:
                gone.append(key)
            elif rows[0] != held:
                if held >= 0:  # an earlier sample took over: keep what the graph is about to drop
                    self._spare[held] = self._vector_at(slot)
                moved.append(key)
        return gone, moved, sorted(fresh, key=lambda key: self._rows(key)[0])

    def _first_vectors(self, keys: list[bytes]) -> Float16:
        """Hand over the vectors of the earliest samples, which the graph holds from now on."""
        vectors = [self._spare.pop(self._rows(key)[0]) for key in keys]
        return np.stack(vectors) if vectors else np.empty((0, self._dimension), np.float16)

    def _vector_at(self, slot: int) -> Float16:
        vector: Float16 = self.graph.kept(np.array([slot], np.int32))[0]
        return vector

    def _set_node(self, rows: Iterable[int], slot: int) -> None:
        for row in rows:
            if row >= len(self.node_of_row):
                more = np.full(max(row + 1 - len(self.node_of_row), len(self.node_of_row)), -1, np.int32)
                self.node_of_row = np.concatenate([self.node_of_row, more])
            self.node_of_row[row] = slot
