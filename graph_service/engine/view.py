"""The samples and the neighbour graph at one revision, and what is computed from them on first need."""

from __future__ import annotations

import threading

import numpy as np
import numpy.typing as npt

from graph_service.auditing.order import audit_order
from graph_service.engine.once import Cell, Once
from graph_service.engine.tables import Tables
from graph_service.events import Method, Propagation
from graph_service.linear.basis import Basis, fit_basis
from graph_service.propagation.adjacency import Adjacency, adjacency, typical_temperature

__all__ = ["GraphView"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]

_PAPER_TEMPERATURE = 0.01
_SEED = 20_121_865
"""No number that a caller is likely to draw labels with."""
_SAMPLE = 4096
"""Nodes that stand for all: the features are fitted to them, and the classifier learns from their beliefs."""


class GraphView:
    """The samples and the neighbour graph at one revision, shared by the snapshots between sample writes.

    Attributes:
        ids: the samples in order of arrival; an index into it names a sample of this view.
        rows: int64 (samples,), their rows in the tables.
        content_hashes: what they were added with; possibly empty.
        sample_nodes: int32 (samples,), the node of each sample.
        node_samples: int32 (slots,), the earliest sample of each node, -1 where there is no node.
        nodes: int32 (nodes,), in order of arrival; unlike slots, that order outlasts a restart.
        neighbours: int32 (slots, k), padded with -1.
        similarities: float32 (slots, k), cosines, padded with -inf.
    """

    def __init__(self, tables: Tables) -> None:
        rows = np.fromiter(tables.row_of.values(), np.int64, len(tables.row_of))
        rows.sort()
        ids = tables.ids
        self.version = tables.sample_version
        self.ids: list[str] = [sample for sample in ids if sample is not None]
        self.rows = rows
        self.content_hashes = [tables.content_hashes[row] for row in rows.tolist()]
        self.index_of_row = np.full(len(ids), -1, np.int64)
        self.index_of_row[rows] = np.arange(len(rows))
        self.sample_nodes = tables.nodes.node_of_row[rows]
        graph = tables.nodes.graph
        self.neighbours: Int32 = graph.neighbours.copy()
        self.similarities: Float32 = graph.similarities.copy()
        self.node_samples = np.full(len(self.neighbours), -1, np.int32)
        # Written from the last to the first, so that the earliest sample of a node stays.
        self.node_samples[self.sample_nodes[::-1]] = np.arange(len(rows), dtype=np.int32)[::-1]
        self.nodes: Int32 = np.flatnonzero(self.node_samples >= 0).astype(np.int32)
        self.nodes = self.nodes[np.argsort(self.node_samples[self.nodes])]
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

    def temperature(self, settings: Propagation) -> float:
        """Return the T of eq. 2 that these settings mean."""
        if settings.temperature:
            return settings.temperature
        return _PAPER_TEMPERATURE if settings.method is Method.PAPER else self._typical_temperature()

    def adjacency(self, settings: Propagation) -> Adjacency:
        """Return the adjacency for these settings; O(slots × k) once for each method and temperature."""
        key = method, temperature = settings.method, self.temperature(settings)
        with self._lock:
            if key not in self._adjacency:
                self._adjacency = {key: Cell()}
            cell = self._adjacency[key]
        return cell.value(
            lambda: adjacency(self.neighbours, self.similarities, method=method, temperature=temperature)
        )

    @Once
    def sample(self) -> Int32:
        """Nodes that stand for all, int32 (≤ 4096,): drawn at random but the same after a restart."""
        if len(self.nodes) <= _SAMPLE:
            return self.nodes
        return np.random.default_rng(_SEED).choice(self.nodes, _SAMPLE, replace=False)

    @Once
    def basis(self) -> Basis:
        """The linear map from vectors to features."""
        return fit_basis(self._vectors[self.sample()])

    @Once
    def features(self) -> Float32:
        """Principal components of the vectors, float32 (slots, p); mean nothing in a slot without a node."""
        return self.basis().project(self._vectors)

    @Once
    def audit(self) -> npt.NDArray[np.int64]:
        """The samples in the order of the audit, int64 (samples,)."""
        return audit_order(self.ids)

    @Once
    def _typical_temperature(self) -> float:
        return typical_temperature(self.similarities[self.nodes])
