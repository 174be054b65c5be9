"""An immutable view of one revision, and what is computed from it on first need."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from graph_service.engine.labels import LabelColumns
from graph_service.engine.tables import Tables
from graph_service.events import Method, Propagation, Trust
from graph_service.flagging.suspicion import held_out_beliefs
from graph_service.propagation.adjacency import Adjacency, adjacency
from graph_service.propagation.beliefs import beliefs, decide
from graph_service.propagation.propagate import propagate

__all__ = ["GraphView", "Snapshot", "take"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
T = TypeVar("T")


class Once(Generic[T]):
    """A value made on first need by whichever thread comes first; the others wait for it."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._lock = threading.Lock()

    @property
    def made(self) -> bool:
        """Whether the value is at hand."""
        return self._make is None

    def __call__(self) -> T:
        """Return the value."""
        with self._lock:
            if self._make is not None:
                self._value = self._make()
                self._make = None  # let go of what it was made from
        return self._value


class GraphView:
    """The samples and the neighbour graph at one revision, shared by the snapshots between sample writes.

    Attributes:
        ids: the samples in order of arrival; an index into it names a sample of this view.
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
        self._adjacency: dict[tuple[Method, float], Once[Adjacency]] = {}
        self._lock = threading.Lock()

    def similarity(self, node: int, other: int) -> float:
        """Return the cosine of two nodes, one of which has the other in its list."""
        for holder, held in ((node, other), (other, node)):
            found = np.flatnonzero(self.neighbours[holder] == held)
            if found.size:
                return float(self.similarities[holder, found[0]])
        raise KeyError(f"{node} and {other} are not neighbours")

    def adjacency(self, settings: Propagation) -> Adjacency:
        """Return the adjacency for these settings; O(slots × k) once for each method and temperature."""
        key = settings.method, settings.temperature
        with self._lock:
            if key not in self._adjacency:
                self._adjacency = {
                    key: Once(
                        lambda: adjacency(
                            self.neighbours,
                            self.similarities,
                            method=settings.method,
                            temperature=settings.temperature,
                        )
                    )
                }
            once = self._adjacency[key]
        return once()


@dataclass(frozen=True, eq=False)
class Labelled:
    """Which nodes hold labels.

    Attributes:
        clamped: bool (slots,), nodes with a verified label; they keep their row.
        labelled: bool (slots,), nodes with any label.
    """

    clamped: Bools
    labelled: Bools


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What the labels say of every node.

    Attributes:
        rows: float32 (slots, classes), rows sum to 1, or to 0 where unreached.
        classes: int32 (slots,), the class of greatest belief, -1 where unreached.
        confidences: float32 (slots,), the belief in that class.
        seconds: the time it took.
    """

    rows: Float32
    classes: Int32
    confidences: Float32
    seconds: float


class Snapshot:
    """One revision of a dataset. Safe to read from many threads, for as long as one likes."""

    def __init__(self, tables: Tables, revision: int, view: GraphView, labels: LabelColumns) -> None:
        self.revision = revision
        self.created = tables.created
        self.propagation = tables.propagation
        self.classes: tuple[str, ...] = tuple(tables.classes)
        self.view = view
        self.labels = labels
        self.labelled = Once(self._labelled)
        self.beliefs = Once(self._beliefs)
        self.held_out = Once(self._held_out)

    @property
    def adjacency(self) -> Adjacency:
        """The adjacency under this revision's settings."""
        return self.view.adjacency(self.propagation)

    def label_nodes(self) -> npt.NDArray[np.int32]:
        """Return int32 (labels,): the node of each label's sample."""
        nodes: Int32 = self.view.sample_nodes[self.labels.samples]
        return nodes

    def _labelled(self) -> Labelled:
        nodes = self.label_nodes()
        clamped, labelled = np.zeros((2, len(self.view.node_samples)), np.bool_)
        clamped[nodes[self.labels.trusts == Trust.VERIFIED]] = True
        labelled[nodes] = True
        return Labelled(clamped, labelled)

    def _seeds(self) -> Float32:
        """Return float32 (slots, classes): labels by node, rows sum to 1 where there is one, else to 0.

        Verified labels overrule given ones, and equals share the row. Made anew each time: it is large, and
        a snapshot may live long.
        """
        marks, nodes = self.labelled(), self.label_nodes()
        counts = (self.labels.trusts == Trust.VERIFIED) | ~marks.clamped[nodes]
        scores: Float32 = np.zeros((len(self.view.node_samples), len(self.classes)), np.float32)
        np.add.at(scores, (nodes[counts], self.labels.classes[counts]), 1)
        scores[marks.labelled] /= scores[marks.labelled].sum(axis=1, keepdims=True)
        return scores

    def _beliefs(self) -> Beliefs:
        started = time.perf_counter()
        clamped = self.labelled().clamped
        scores = propagate(self.adjacency, self._seeds(), clamped, self.propagation.steps)
        rows = beliefs(scores)
        classes, confidences = decide(rows)
        return Beliefs(rows, classes, confidences, time.perf_counter() - started)

    def _held_out(self) -> Float32:
        labelled, numbers = self.labelled().labelled, self.view.node_samples
        return held_out_beliefs(self.adjacency, self._seeds(), labelled, numbers, self.propagation.steps)


def take(tables: Tables, revision: int, before: Snapshot | None) -> Snapshot:
    """Return the present state as a snapshot, sharing the graph's view with `before` where it still holds.

    The caller holds the dataset's lock.
    """
    view = before.view if before and before.view.version == tables.sample_version else GraphView(tables)
    columns = tables.labels.columns()
    labels = replace(columns, samples=view.index_of_row[columns.samples])
    return Snapshot(tables, revision, view, labels)
