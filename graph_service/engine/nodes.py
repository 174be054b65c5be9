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

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


def key_of(content_hash: bytes, vector: npt.NDArray[np.float16]) -> bytes:
    """Return what exact duplicates have in common."""
    return content_hash or b"v" + hashlib.blake2b(vector.tobytes(), digest_size=16).digest()


class Nodes:
    """Which samples make up which node, and the neighbour graph over the nodes.

    Samples are named by their row (an int that grows in order of arrival). `put`, `attach` and `detach` only
    keep the books; `flush` brings the graph in line with them, so that a replay can do so once for many
    events.
    """

    def __init__(self, graph: NeighbourGraph, dimension: int) -> None:
        self.graph = graph
        self._dimension = dimension
        self.node_of_row: Int32 = np.full(1024, -1, np.int32)
        self._members: dict[bytes, list[int]] = {}
        self._slots: dict[bytes, int] = {}
        self._keys: dict[int, bytes] = {}
        # Vectors that the graph does not hold: of samples not flushed yet, and of later duplicates.
        self._spare: dict[int, Float32] = {}
        # Keys touched since the last flush, with the row whose vector the graph holds for them.
        self._touched: dict[bytes, int | None] = {}

    def __len__(self) -> int:
        """Return the number of nodes as of the last flush."""
        return len(self._slots)

    @property
    def pending(self) -> int:
        """How many nodes the next flush will touch."""
        return len(self._touched)

    def __contains__(self, row: int) -> bool:
        """Say whether a sample is attached."""
        return row in self._keys

    def key(self, row: int) -> bytes:
        """Return the key of an attached sample's node."""
        return self._keys[row]

    def put(self, row: int, key: bytes, vector: Float32) -> None:
        """Attach a sample, or move it from where it is; one that is there with this vector stays."""
        if row in self:
            if self._holds(row, key, vector):
                return
            self.detach(row)
        self.attach(row, key, vector)

    def _holds(self, row: int, key: bytes, vector: Float32) -> bool:
        """Say whether a sample is in the node of `key` with just this vector (as of the last flush)."""
        slot = self._slots.get(key)
        if self._keys.get(row) != key or slot is None or key in self._touched:
            return False
        mine = self._spare[row] if row in self._spare else self._vector_at(slot)
        return np.array_equal(mine, vector)

    def attach(self, row: int, key: bytes, vector: Float32) -> None:
        """Put a sample (not attached now) into the node of `key`."""
        self._touch(key)
        bisect.insort(self._members.setdefault(key, []), row)
        self._keys[row] = key
        self._spare[row] = vector

    def detach(self, row: int) -> None:
        """Take a sample out of its node."""
        key = self._keys.pop(row)
        self._touch(key)
        if self._touched[key] == row:  # the graph's vector leaves with the sample it came from
            self._touched[key] = None
        members = self._members[key]
        members.remove(row)
        if not members:
            del self._members[key]
        self._spare.pop(row, None)
        self._set_node([row], -1)

    def _touch(self, key: bytes) -> None:
        if key not in self._touched:
            self._touched[key] = self._members[key][0] if key in self._slots else None

    def flush(self) -> None:
        """Update the graph for all that was attached and detached since the last flush."""
        gone, moved, fresh = self._changes()
        if gone or moved or fresh:
            slots = self.graph.update(
                remove=np.array([self._slots.pop(key) for key in gone], np.int32),
                move=(np.array([self._slots[key] for key in moved], np.int32), self._first_vectors(moved)),
                add=self._first_vectors(fresh),
            )
            self._slots.update(zip(fresh, slots.tolist(), strict=True))
        for key in self._touched:
            if key in self._members:
                self._set_node(self._members[key], self._slots[key])
        self._touched.clear()

    def _changes(self) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Return the keys whose node must go, those whose vector changes, and those that need a node."""
        gone, moved, fresh = [], [], []
        for key, held in self._touched.items():
            members = self._members.get(key)
            if key not in self._slots:
                if members:
                    fresh.append(key)
            elif not members:
                gone.append(key)
            elif members[0] != held:
                if held is not None:  # an earlier sample took over: keep what the graph is about to drop
                    self._spare[held] = self._vector_at(self._slots[key])
                moved.append(key)
        return gone, moved, sorted(fresh, key=lambda key: self._members[key][0])

    def _first_vectors(self, keys: list[bytes]) -> Float32:
        """Hand over the vectors of the earliest samples, which the graph holds from now on."""
        vectors = [self._spare.pop(self._members[key][0]) for key in keys]
        return np.stack(vectors) if vectors else np.empty((0, self._dimension), np.float32)

    def _vector_at(self, slot: int) -> Float32:
        vector: Float32 = self.graph.vectors(np.array([slot], np.int32))[0]
        return vector

    def _set_node(self, rows: Iterable[int], slot: int) -> None:
        for row in rows:
            if row >= len(self.node_of_row):
                more = np.full(max(row + 1 - len(self.node_of_row), len(self.node_of_row)), -1, np.int32)
                self.node_of_row = np.concatenate([self.node_of_row, more])
            self.node_of_row[row] = slot
