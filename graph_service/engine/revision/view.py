"""The samples and the neighbour graph at one revision, and what is computed from them on first need."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from graph_service.auditing.order import audit_order
from graph_service.engine.revision.once import Cell, Once
from graph_service.engine.state.labels import LabelColumns
from graph_service.engine.state.tables import Tables
from graph_service.events import Method, Propagation, Trust
from graph_service.flagging.kinds import near_pairs, outlyingness
from graph_service.index.exact import ExactIndex
from graph_service.linear.basis import Basis, fit_basis
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import Adjacency, adjacency, typical_temperature
from graph_service.propagation.order import breadth_first, renumbered
from graph_service.suggestion.ground import Ground

__all__ = ["GraphView"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]

_PAPER_TEMPERATURE = 0.01
_SEED = 20_121_865
"""No number that a caller is likely to draw labels with."""
_SAMPLE = 4096
"""Nodes that stand for all: the features are fitted to them, and the classifier learns from their beliefs."""


class GraphView:
    """The samples and the neighbour graph at one revision, shared by the snapshots between sample writes.

    The nodes are numbered anew, without gaps and so that neighbours lie together in memory (`breadth_first`).

    Attributes:
        version: the tables' `sample_version`.
        encoder: the encoder of the vectors.
        ids: the samples in order of arrival; an index into it names a sample of this view.
        rows: int64 (samples,), their rows in the tables.
        content_hashes: what they were added with; possibly empty.
        slots: int32 (nodes,), where the tables keep each node.
        node_of_slot: int32 (slots,), -1 where there is no node.
        sample_nodes: int32 (samples,), the node of each sample.
        node_samples: int32 (nodes,), the earliest sample of each node.
        nodes: int32 (nodes,), in order of arrival; unlike their numbers, that order outlasts a restart.
        neighbours: int32 (nodes, k), padded with -1.
        similarities: float32 (nodes, k), cosines, padded with -inf.
    """

    def __init__(self, tables: Tables) -> None:
        rows = np.fromiter(tables.row_of.values(), np.int64, len(tables.row_of))
        rows.sort()
        ids = tables.ids
        self.version = tables.sample_version
        self.encoder = tables.encoder
        self.ids: list[str] = [sample for sample in ids if sample is not None]
        self.rows = rows
        self.content_hashes = [tables.content_hashes[row] for row in rows.tolist()]
        self.index_of_row = np.full(len(ids), -1, np.int64)
        self.index_of_row[rows] = np.arange(len(rows))
        graph = tables.nodes.graph
        self.slots = breadth_first(graph.neighbours, graph.alive)
        self.node_of_slot = np.full(graph.capacity, -1, np.int32)
        self.node_of_slot[self.slots] = np.arange(len(self.slots), dtype=np.int32)
        self.neighbours: Int32 = renumbered(graph.neighbours, self.slots, self.node_of_slot)
        self.similarities: Float32 = graph.similarities[self.slots]
        self.sample_nodes: Int32 = self.node_of_slot[tables.nodes.node_of_row[rows]]
        self.node_samples = np.empty(len(self.slots), np.int32)
        # Written from the last to the first, so that the earliest sample of a node stays.
        self.node_samples[self.sample_nodes[::-1]] = np.arange(len(rows), dtype=np.int32)[::-1]
        self.nodes: Int32 = np.argsort(self.node_samples).astype(np.int32)
        self._hashed = tables.audit_keys
        self._vectors = graph.freeze_vectors()
        self._adjacency: dict[tuple[Method, float], Cell[Adjacency]] = {}
        self._lock = threading.Lock()

    def similarity(self, node: int, other: int) -> float:
        """Return the cosine of two nodes, one of which has the other in its list."""
        for holder, held in ((node, other), (other, node)):
            found = np.flatnonzero(self.neighbours[holder] == held)
            if found.size:
                return float(self.similarities[holder, found[0]])
        raise KeyError(f"{node} and {other} are not neighbours")

    def indices(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the samples in these rows of the tables, int64; those not of this view are left out."""
        found = self.index_of_row[rows[rows < len(self.index_of_row)]]
        return found[found >= 0]

    def statements(self, labels: LabelColumns, class_count: int) -> Statements:
        """Return the labels by node; O(m)."""
        nodes: Int32 = self.sample_nodes[self.index_of_row[labels.rows()]]
        return Statements(nodes, labels.classes, labels.trusts == Trust.VERIFIED, class_count)

    def nodes_at(self, slots: Int32) -> Int32:
        """Return the nodes in these slots, of any shape; -1 for -1."""
        if not len(self.node_of_slot):
            return slots
        return np.where(slots >= 0, self.node_of_slot[slots], np.int32(-1))

    def search(self, vectors: Float32, k: int) -> tuple[Int32, Float32]:
        """Return the k nearest nodes of each vector and their cosines, as `Index.search` does, exactly."""
        slots, similarities = self._index().search(vectors, k)
        return self.nodes_at(slots), similarities

    def temperature(self, settings: Propagation) -> float:
        """Return the T of eq. 2 that these settings mean."""
        if settings.temperature:
            return settings.temperature
        return _PAPER_TEMPERATURE if settings.method is Method.PAPER else self._typical_temperature()

    def adjacency(self, settings: Propagation) -> Adjacency:
        """Return the adjacency for these settings; O(nodes × k) once for each method and temperature."""
        key = method, temperature = settings.method, self.temperature(settings)
        with self._lock:
            if key not in self._adjacency:
                self._adjacency = {key: Cell()}
            cell = self._adjacency[key]
        return cell.value(
            lambda: adjacency(self.neighbours, self.similarities, method=method, temperature=temperature)
        )

    @Once
    def copies(self) -> npt.NDArray[np.int64]:
        """How many samples each node stands for, int64 (nodes,)."""
        return np.bincount(self.sample_nodes, minlength=len(self.nodes))

    @Once
    def sample(self) -> Int32:
        """Nodes that stand for all, int32 (≤ 4096,): drawn at random but the same after a restart."""
        if len(self.nodes) <= _SAMPLE:
            return self.nodes
        return np.random.default_rng(_SEED).choice(self.nodes, _SAMPLE, replace=False)

    @Once
    def basis(self) -> Basis:
        """The linear map from vectors to features."""
        return fit_basis(self._vectors[self.slots[self.sample()]])

    @Once
    def features(self) -> Float32:
        """Principal components of the vectors, float32 (nodes, p)."""
        return self.basis().project(self._vectors, self.slots)

    @Once
    def audit(self) -> npt.NDArray[np.int64]:
        """The samples in the order of the audit, int64 (samples,)."""
        return audit_order(self.audit_keys())

    @Once
    def audit_keys(self) -> npt.NDArray[np.uint64]:
        """The hash of each sample's id by which the audit is ordered, uint64 (samples,)."""
        return self._hashed.of(self.rows, self.ids)

    @Once
    def ground(self) -> Ground:
        """What suggestion knows of the nodes, and keeps from one revision to the next."""
        copies = self.sample_nodes[self.audit()]
        audit = copies[np.sort(np.unique(copies, return_index=True)[1])]
        return Ground(self.features(), self.audit_keys()[self.node_samples], audit, self.sample())

    @Once
    def near_pairs(self) -> tuple[Int32, Int32, Float32]:
        """The nodes of near duplicates, in both directions, and their cosines."""
        return near_pairs(self.neighbours, self.similarities, self.nodes)

    @Once
    def outlyingness(self) -> tuple[Float64, Float64]:
        """How far each node is from its neighbours, and the rank of that: float64 (nodes,) both."""
        return outlyingness(self.neighbours, self.similarities, self.nodes)

    @Once
    def _index(self) -> ExactIndex:
        index = ExactIndex(self._vectors)
        index.add(self.slots)
        return index

    @Once
    def _typical_temperature(self) -> float:
        return typical_temperature(self.similarities)
