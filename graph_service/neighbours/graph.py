"""The neighbour graph: every node's k nearest, kept right as nodes come, move and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from graph_service.index.base import Index
from graph_service.index.choose import SWITCH_AT, IndexKind, make_index
from graph_service.index.vectors import BoolArray, Float32Array, Int32Array, UnitVectors, VectorTable, grown
from graph_service.neighbours.bulk import build_lists
from graph_service.neighbours.lists import Lists

__all__ = ["NeighbourGraph"]

Scalar = TypeVar("Scalar", bound=np.generic)
Vectors = npt.NDArray[np.floating]

_NO_SLOTS: Int32Array = np.zeros(0, dtype=np.int32)


class NeighbourGraph:
    """The directed k-nearest-neighbour lists of a changing set of unit vectors.

    With the exact index the lists equal, up to ties, those built from scratch from the nodes alive
    now, whatever the order of changes. With HNSW they are near it (see `HnswIndex`).
    Not safe to change beside any other call.

    Args:
        dimension: length of a vector.
        k: length of a list, at least 1.
        index: which index finds the neighbours: `auto` by size, `exact` or `hnsw` whatever the size, or a
            function from the vector table to an empty index.
        switch_at: nodes beyond which `auto` uses HNSW.
        batch: nodes that enter at a time; bounds the temporary memory.
        bulk: nodes from which on all lists are made at once (`build_lists`) where at least half of the nodes
            enter together and the index is not exact.
    """

    def __init__(
        self,
        dimension: int,
        k: int,
        *,
        index: IndexKind | Callable[[VectorTable], Index] = "auto",
        switch_at: int = SWITCH_AT,
        batch: int = 1024,
        bulk: int = 20_000,
    ) -> None:
        self.k = k
        self._batch = batch
        self._bulk = bulk
        self._vectors = VectorTable(dimension)
        self._index = (
            index(self._vectors) if callable(index) else make_index(index, self._vectors, switch_at=switch_at)
        )
        self._lists = Lists(k)
        self._alive: BoolArray = np.zeros(0, dtype=np.bool_)
        # Which slots have a list and are in the index: those alive, but for what waits to be settled.
        self._settled: BoolArray = np.zeros(0, dtype=np.bool_)
        self._capacity = 0

    def __len__(self) -> int:
        """Number of nodes alive."""
        return int(np.count_nonzero(self._alive))

    @property
    def capacity(self) -> int:
        """Slots ever used: nodes alive have slots from 0 to capacity - 1."""
        return self._capacity

    @property
    def index_name(self) -> str:
        """`exact` or `hnsw`: what finds neighbours now."""
        return self._index.name

    @property
    def neighbours(self) -> Int32Array:
        """Slots by falling similarity, int32 (capacity, k), padded with -1; of a dead slot all padding.

        A read-only view that later updates write through or abandon: copy what must last.
        """
        return _read_only(self._lists.neighbours[: self._capacity])

    @property
    def similarities(self) -> Float32Array:
        """Their cosines in [-1, 1], float32 (capacity, k), padded with -inf. A view like `neighbours`."""
        return _read_only(self._lists.similarities[: self._capacity])

    @property
    def alive(self) -> BoolArray:
        """Which slots hold a node, bool (capacity,). A view like `neighbours`."""
        return _read_only(self._alive[: self._capacity])

    def vectors(self, slots: Int32Array) -> Float32Array:
        """The vectors of slots, float32 (m, dimension), a copy."""
        return self._vectors[slots]

    def kept(self, slots: Int32Array) -> npt.NDArray[np.float16]:
        """The vectors of slots just as they are kept, float16 (m, dimension), a copy."""
        return self._vectors.kept[slots]

    def freeze_vectors(self) -> UnitVectors:
        """The vectors by slot, (capacity, dimension), as they are now and will stay in this view."""
        return self._vectors.freeze(self._capacity)

    def search(self, queries: Float32Array, k: int) -> tuple[Int32Array, Float32Array]:
        """The k nodes nearest to vectors outside the graph; see `Index.search`."""
        return self._index.search(queries, k)

    def update(
        self,
        *,
        remove: Int32Array = _NO_SLOTS,
        add: Vectors | None = None,
        move: tuple[Int32Array, Vectors] | None = None,
        settle: bool = True,
    ) -> Int32Array:
        """Removes nodes, gives others a new vector in their slot, and adds nodes.

        Costs one search for every node added or moved and for every node that had a removed or moved
        one in its list; a pass over the lists if any was.

        Args:
            remove: int32 (r,), slots alive.
            add: (m, dimension), rows of unit length up to rounding; they are kept as float16.
            move: slots int32 (v,) alive, and their new vectors (v, dimension) likewise.
            settle: whether to make the lists right. If not, the nodes added and moved have no list and are in
                none, until the next update that settles: it has more to choose from how.

        Returns:
            The slots given to the added nodes, int32 (m,), in order: the lowest free ones, those just
            removed among them.

        Raises:
            ValueError: a slot removed or moved is not alive, or named twice. Nothing was changed.
        """
        added: Vectors = np.zeros((0, self._vectors.dimension), np.float16) if add is None else add
        moved, moved_vectors = move if move is not None else (_NO_SLOTS, added[:0])
        leaving = np.concatenate([remove, moved])
        self._check_alive(leaving)
        self._leave(leaving)
        fresh = self._free_slots(len(added), besides=moved)
        self._place(moved, moved_vectors)
        self._place(fresh, added)
        if settle:
            self._settle()
        return fresh

    def _check_alive(self, slots: Int32Array) -> None:
        """Raises ValueError unless the slots are alive and distinct."""
        in_range = (slots >= 0) & (slots < self._capacity)
        if not in_range.all() or not self._alive[slots].all():
            raise ValueError("a slot to remove or move is not alive")
        if len(np.unique(slots)) < len(slots):
            raise ValueError("a slot is removed or moved twice")

    def _free_slots(self, count: int, *, besides: Int32Array) -> Int32Array:
        """The `count` lowest slots that hold no node, `besides` left out."""
        taken = np.zeros(self._capacity + count + len(besides), dtype=np.bool_)
        taken[: self._capacity] = self._alive[: self._capacity]
        taken[besides] = True
        return np.flatnonzero(~taken)[:count].astype(np.int32)

    def _leave(self, slots: Int32Array) -> None:
        """Takes nodes out of the graph and refills the lists that held them."""
        if not len(slots):
            return
        listed = slots[self._settled[slots]]
        self._alive[slots] = False
        if not len(listed):
            return
        self._index.remove(listed)
        self._settled[listed] = False
        self._lists.clear(listed)
        # One entry more than there are slots, so that padding, -1, reads False.
        gone = np.zeros(self._capacity + 1, dtype=np.bool_)
        gone[listed] = True
        holders = np.flatnonzero(gone[self._lists.neighbours[: self._capacity]].any(axis=1)).astype(np.int32)
        for part in self._batches(holders):
            self._write(part, *self._index.search(self._vectors[part], self.k + 1))

    def _place(self, slots: Int32Array, vectors: Vectors) -> None:
        """Puts nodes into free slots, without lists."""
        self._make_room(int(slots.max(initial=-1)) + 1)
        self._vectors.put(slots, vectors)
        self._alive[slots] = True

    def _settle(self) -> None:
        """Gives lists to the nodes that have none, and enters these nodes into others' lists."""
        newcomers = np.flatnonzero(self._alive & ~self._settled).astype(np.int32)
        nodes = len(self)
        many = len(newcomers) >= max(self._bulk, nodes / 2)
        if many and not self._index.surveys_exactly(nodes):
            self._rebuild(newcomers)
        else:
            for part in self._batches(newcomers):
                self._enter(part)

    def _rebuild(self, newcomers: Int32Array) -> None:
        """Makes all lists anew."""
        nodes = np.flatnonzero(self._alive).astype(np.int32)
        self._lists.write(nodes, *build_lists(self._vectors, nodes, self.k))
        self._index.add(newcomers)
        self._settled[newcomers] = True

    def _enter(self, slots: Int32Array) -> None:
        """Finds the neighbours of newcomers, and enters them into others' lists."""
        self._index.add(slots)
        # Newcomers and dead slots have empty lists, and must not be touched through them.
        farthest = self._lists.similarities[: self._capacity, -1]
        radii = np.where(self._settled[: self._capacity], farthest, np.float32(np.inf))
        survey = self._index.survey(self._vectors[slots], self.k + 1, radii, self._lists.holders)
        self._settled[slots] = True
        self._write(slots, survey.slots, survey.similarities)
        self._lists.take_in(survey.touched, slots[survey.rows], survey.touch_similarities)

    def _write(self, nodes: Int32Array, slots: Int32Array, similarities: Float32Array) -> None:
        """Makes lists of k + 1 found the lists of `nodes`, each without the node itself."""
        # Stable: others keep their order before the node itself, which among duplicates may be missing.
        order = np.argsort(slots == nodes[:, None], axis=1, kind="stable")[:, : self.k]
        neighbours = np.take_along_axis(slots, order, axis=1)
        self._lists.write(nodes, neighbours, np.take_along_axis(similarities, order, axis=1))

    def _make_room(self, capacity: int) -> None:
        self._capacity = max(self._capacity, capacity)
        self._lists.make_room(capacity)
        self._alive = grown(self._alive, capacity, fill=False)
        self._settled = grown(self._settled, capacity, fill=False)

    def _batches(self, slots: Int32Array) -> Iterator[Int32Array]:
        for start in range(0, len(slots), self._batch):
            yield slots[start : start + self._batch]


def _read_only(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    array.flags.writeable = False
    return array
