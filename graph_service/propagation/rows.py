"""Beliefs by node, of which each revision replaces a few: no revision copies those of all nodes."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["BeliefRows", "DenseRows", "HeaviestRows", "Patches"]

Array = npt.NDArray[Any]
Nodes = npt.NDArray[np.integer]
Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


class BeliefRows(Protocol):
    """float32 (n, C), rows sum to 1, or to 0 where unreached; handed out for some nodes at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, C)."""

    def __len__(self) -> int:
        """Return n."""

    def __getitem__(self, nodes: Nodes | slice) -> Float32:
        """Return the rows of these nodes, float32 (m, C); O(m C)."""

    def patched(self, nodes: Nodes, *columns: Array) -> BeliefRows:
        """Return a version in which these distinct nodes have other rows, in the form of the class."""


class Patches:
    """Columns of rows by node. Never changes; a patched version shares the memory of the rows that stay.

    Rows of all versions lie one after another in one store, and each version knows where those of its nodes
    are. When the store is full, the next version gets one of its own. Safe for use by many threads.

    Args:
        columns: arrays of n rows each, which nobody changes from now on.
    """

    def __init__(self, *columns: Array) -> None:
        self._store = _Store(columns, len(columns[0]))
        self._places: npt.NDArray[np.int32] = np.arange(len(columns[0]), dtype=np.int32)

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self._places)

    def take(self, nodes: Nodes | slice) -> tuple[Array, ...]:
        """Return the rows of these nodes, column by column."""
        places = self._places[nodes]
        return tuple(column[places] for column in self._store.columns)

    def patched(self, nodes: Nodes, *columns: Array) -> Patches:
        """Return a version in which these distinct nodes have other rows; O(m C + n), seldom O(n C)."""
        made = object.__new__(Patches)
        made._store, made._places = self._store, self._places.copy()
        first = made._store.add(columns)
        if first is None:
            made._store, first = _Store.with_more(self.take(slice(None)), columns), len(self)
            made._places = np.arange(len(self), dtype=np.int32)
        made._places[nodes] = np.arange(first, first + len(nodes))
        return made


class _Store:
    """Room for rows, which only ever fills up; `used` of them are there."""

    def __init__(self, columns: tuple[Array, ...], used: int) -> None:
        self.columns = columns
        self._used = used
        self._lock = threading.Lock()

    @classmethod
    def with_more(cls, columns: tuple[Array, ...], more: tuple[Array, ...]) -> _Store:
        """Return one of these rows and then `more`, with room for half as many again."""
        used = len(columns[0])
        room = used + len(more[0]) + used // 2
        stored = tuple(np.empty((room, *column.shape[1:]), column.dtype) for column in columns)
        made = cls(stored, 0)
        made.add(columns)
        made.add(more)
        return made

    def add(self, columns: tuple[Array, ...]) -> int | None:
        """Add rows; return the place of the first, or None where there is no room."""
        with self._lock:
            first, end = self._used, self._used + len(columns[0])
            if end > len(self.columns[0]):
                return None
            self._used = end
        for mine, given in zip(self.columns, columns, strict=True):
            mine[first:end] = given
        return first


class DenseRows:
    """Beliefs in some of the classes, all others 0.

    Args:
        patches: float32 (n, c).
        columns: int64 (c,), the class of each column.
        classes: C.
    """

    def __init__(self, patches: Patches, columns: Int64, classes: int) -> None:
        self._patches = patches
        self._columns = columns
        self.shape = len(patches), classes

    def __len__(self) -> int:
        """Return n."""
        return self.shape[0]

    def __getitem__(self, nodes: Nodes | slice) -> Float32:
        """See `BeliefRows`."""
        (found,) = self._patches.take(nodes)
        if len(self._columns) == self.shape[1]:
            return found
        rows: Float32 = np.zeros((len(found), self.shape[1]), np.float32)
        rows[:, self._columns] = found
        return rows

    def patched(self, nodes: Nodes, *columns: Array) -> DenseRows:
        """See `BeliefRows`; float32 (m, c)."""
        return DenseRows(self._patches.patched(nodes, *columns), self._columns, self.shape[1])


class HeaviestRows:
    """Beliefs in the heaviest classes of each node, all others 0.

    Args:
        patches: uint16 (n, k) classes, distinct where a belief is not 0; float32 (n, k) beliefs.
        classes: C.
    """

    def __init__(self, patches: Patches, classes: int) -> None:
        self._patches = patches
        self.shape = len(patches), classes

    def __len__(self) -> int:
        """Return n."""
        return self.shape[0]

    def __getitem__(self, nodes: Nodes | slice) -> Float32:
        """See `BeliefRows`."""
        classes, beliefs = self._patches.take(nodes)
        rows: Float32 = np.zeros((len(beliefs), self.shape[1]), np.float32)
        held = np.nonzero(beliefs)
        rows[held[0], classes[held]] = beliefs[held]
        return rows

    def patched(self, nodes: Nodes, *columns: Array) -> HeaviestRows:
        """See `BeliefRows`; uint16 (m, k) and float32 (m, k)."""
        return HeaviestRows(self._patches.patched(nodes, *columns), self.shape[1])
