"""What labels start a propagation with: the rows of Y(0) that are not zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["Seeds", "compile_kernels"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
_Columns = tuple[Int64, Int64, Int32, Float32, Bools]


@dataclass(frozen=True, eq=False)
class Seeds:
    """Y(0) of the m labelled nodes, e entries in all, and which of them are the paper's set l.

    Attributes:
        nodes: int64 (m,), distinct and rising.
        starts: int64 (m + 1,); the entries of node number i are those from `starts[i]` to `starts[i + 1]`.
        classes: int32 (e,), rising within a node.
        shares: float32 (e,), greater than 0, of a node sum to 1.
        clamped: bool (m,), nodes that keep their row at every step.
    """

    nodes: Int64
    starts: Int64
    classes: Int32
    shares: Float32
    clamped: Bools

    @classmethod
    def stated(
        cls, nodes: npt.NDArray[np.integer], classes: npt.NDArray[np.integer], verified: Bools
    ) -> Seeds:
        """Return what labels say: those of one node count alike, but given ones not beside verified ones.

        O(labels + n + C).

        Args:
            nodes: int (labels,), the node of each, less than n.
            classes: int (labels,), the class it states, less than C.
            verified: bool (labels,), whether it is verified; the node is then clamped.
        """
        # Copies are of one type, for which the kernel is compiled.
        columns = nodes.astype(np.int32), classes.astype(np.int32), verified.copy()
        return cls(*_stated(*columns))

    def __len__(self) -> int:
        """Number of labelled nodes."""
        return len(self.nodes)

    def __getitem__(self, places: npt.NDArray[np.integer]) -> Seeds:
        """Return the seeds of the nodes at these places, rising, of `nodes`."""
        first = self.starts[places]
        counts = self.starts[places + 1] - first
        starts = np.concatenate([[0], np.cumsum(counts)])
        entries = np.arange(starts[-1]) + np.repeat(first - starts[:-1], counts)
        return Seeds(
            self.nodes[places], starts, self.classes[entries], self.shares[entries], self.clamped[places]
        )

    def of(self, nodes: Int64) -> Seeds:
        """Return the seeds of those of some nodes, which rise, that have any; O(m' log m) for m' nodes."""
        places = np.searchsorted(self.nodes, nodes)
        places = places[places < len(self)]
        return self[places[self.nodes[places] == nodes[: len(places)]]]

    @property
    def owners(self) -> Int64:
        """The place in `nodes` that each entry belongs to, int64 (e,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def dense(self, classes: int) -> Float32:
        """Return float32 (m, classes), the rows."""
        rows = np.zeros((len(self), classes), np.float32)
        rows[self.owners, self.classes] = self.shares
        return rows

    def log_masses(self, log_degrees: Float64) -> Float64:
        """Return the logarithms of the row sums of D^-1/2 Y(0), float64 (m,); -inf where nothing is sent."""
        degrees = log_degrees[self.nodes]
        return np.where(np.isfinite(degrees), -degrees / 2, -np.inf)

    def differing(self, other: Seeds) -> Int64:
        """Return the nodes, rising, whose seeds are others or clamped in only one of the two; O(m + e)."""
        found: Int64 = _differing(
            (self.nodes, self.starts, self.classes, self.shares, self.clamped),
            (other.nodes, other.starts, other.classes, other.shares, other.clamped),
        )
        return found


@njit(nogil=True, cache=True)
def _stated(nodes: Int32, classes: Int32, verified: Bools) -> _Columns:
    """Return what `Seeds.stated` does, by counting: to sort takes ten times as long."""
    order = _counted(nodes, _counted(classes, np.arange(len(nodes))))
    labelled, starts = np.empty(len(nodes), np.int64), np.empty(len(nodes) + 1, np.int64)
    stated, shares = np.empty(len(nodes), np.int32), np.empty(len(nodes), np.float32)
    clamped = np.empty(len(nodes), np.bool_)
    m = e = first = 0
    while first < len(order):
        node, end, trusted = nodes[order[first]], first, False
        while end < len(order) and nodes[order[end]] == node:
            trusted |= verified[order[end]]
            end += 1
        labelled[m], starts[m], clamped[m] = node, e, trusted
        counting = 0
        for label in order[first:end]:
            if verified[label] == trusted:
                if counting == 0 or classes[label] != stated[e - 1]:
                    stated[e], shares[e] = classes[label], 0
                    e += 1
                shares[e - 1] += 1
                counting += 1
        for entry in range(starts[m], e):
            shares[entry] /= counting
        m, first = m + 1, end
    starts[m] = e
    # Copies, as these are kept, and many labels may be of few nodes.
    entries = stated[:e].copy(), shares[:e].copy()
    return labelled[:m].copy(), starts[: m + 1].copy(), *entries, clamped[:m].copy()


@njit(nogil=True, cache=True)
def _counted(keys: Int32, order: Int64) -> Int64:
    """Return a number of things in the order of their keys, and within one key as in `order`."""
    ends = np.zeros(keys.max() + 2 if len(keys) else 1, np.int64)
    for key in keys:
        ends[key + 1] += 1
    for key in range(1, len(ends)):
        ends[key] += ends[key - 1]
    risen = np.empty_like(order)
    for i in order:
        risen[ends[keys[i]]] = i
        ends[keys[i]] += 1
    return risen


@njit(nogil=True, cache=True)
def _differing(mine: _Columns, theirs: _Columns) -> Int64:
    """Return what `Seeds.differing` does: one walk along both, as arrays' own operations take far longer."""
    my_nodes, my_starts, my_classes, my_shares, my_clamped = mine
    nodes, starts, classes, shares, clamped = theirs
    found = np.empty(len(my_nodes) + len(nodes), np.int64)
    count = i = j = 0
    while i < len(my_nodes) or j < len(nodes):
        if j == len(nodes) or (i < len(my_nodes) and my_nodes[i] < nodes[j]):
            found[count] = my_nodes[i]
            count, i = count + 1, i + 1
        elif i == len(my_nodes) or nodes[j] < my_nodes[i]:
            found[count] = nodes[j]
            count, j = count + 1, j + 1
        else:
            size, a, b = my_starts[i + 1] - my_starts[i], my_starts[i], starts[j]
            same = size == starts[j + 1] - b and my_clamped[i] == clamped[j]
            for e in range(size if same else 0):
                same &= my_classes[a + e] == classes[b + e] and my_shares[a + e] == shares[b + e]
            found[count] = my_nodes[i]
            count, i, j = count + (not same), i + 1, j + 1
    return found[:count]


def compile_kernels() -> None:
    """Compile them, or load them from the cache."""
    node = np.zeros(1, np.int32)
    seeds = Seeds.stated(node, node, node == 0)
    seeds.differing(seeds)
