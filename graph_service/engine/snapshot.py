"""An immutable view of one revision, and what is computed from it on first need."""

from __future__ import annotations

import time
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from graph_service.auditing.order import audited
from graph_service.engine.judging import Judging
from graph_service.engine.labels import LabelColumns
from graph_service.engine.tables import Tables
from graph_service.engine.view import GraphView, Once
from graph_service.events import Method, Trust
from graph_service.flagging.held_out import propagated
from graph_service.pooling.infer import Pooled, infer
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.beliefs import beliefs, decide
from graph_service.propagation.propagate import propagate

__all__ = ["Beliefs", "Snapshot", "take"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

_FOLDS = 10
"""Parts of the audit held out in turn. More leave fewer labels out at a time, and take longer."""


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
        pooled: what POOLED found; None under the other methods, and without a label.
    """

    rows: Float32
    classes: Int32
    confidences: Float32
    seconds: float
    pooled: Pooled | None


@dataclass(frozen=True)
class Audit:
    """How the beliefs did on the audited samples.

    Attributes:
        count: audited samples (see `auditing.order`), copies of one another each counted.
        right: those whose belief, made without the labels of a tenth of the audit that they and their copies
            are in, is the verified class.
    """

    count: int
    right: int


class Snapshot:
    """One revision of a dataset. Safe to read from many threads, for as long as one likes."""

    def __init__(self, tables: Tables, revision: int, view: GraphView, labels: LabelColumns) -> None:
        self.revision = revision
        self.created = tables.created
        self.propagation = tables.propagation
        self.classes: tuple[str, ...] = tuple(tables.classes)
        self.view = view
        self._hold(labels)

    def _hold(self, labels: LabelColumns) -> None:
        self.labels = labels
        self.labelled = Once(self._labelled)
        self.beliefs = Once(self._beliefs)
        self.statements = Once(self._statements)
        self.judging = Judging(self.view, labels, self.statements, self._believe)
        self.audit = Once(self._audit)

    def without(self, nodes: npt.NDArray[np.integer]) -> Snapshot:
        """Return this revision as it would be had nobody labelled these nodes."""
        kept = ~np.isin(self.label_nodes(), nodes)
        labels = self.labels
        other = copy(self)
        other._hold(
            replace(
                labels,
                samples=labels.samples[kept],
                annotators=labels.annotators[kept],
                classes=labels.classes[kept],
                trusts=labels.trusts[kept],
            )
        )
        return other

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

    def _statements(self) -> Statements:
        trusts = self.labels.trusts
        verified = trusts == Trust.VERIFIED
        return Statements(self.label_nodes(), self.labels.classes, verified, len(self.classes))

    def _beliefs(self) -> Beliefs:
        started = time.perf_counter()
        pooled = self._pooled() if self.propagation.method is Method.POOLED and len(self.labels) else None
        if pooled:
            rows: Float32 = np.zeros((len(self.view.node_samples), len(self.classes)), np.float32)
            rows[:, pooled.seen] = pooled.beliefs
        else:
            clamped = self.labelled().clamped
            rows = beliefs(propagate(self.adjacency, self._seeds(), clamped, self.propagation.steps))
        classes, confidences = decide(rows)
        return Beliefs(rows, classes, confidences, time.perf_counter() - started, pooled)

    def _pooled(self) -> Pooled:
        return infer(self.adjacency, self.view.features(), self.view.sample(), self.statements())

    def _believe(self, labels: Statements) -> tuple[npt.NDArray[np.integer], Float32]:
        """Return the classes stated, and what the dataset's method believes from these labels alone."""
        if self.propagation.method is Method.POOLED:
            pooled = infer(self.adjacency, self.view.features(), self.view.sample(), labels)
            return pooled.seen, pooled.beliefs
        return propagated(self.adjacency, labels, self.propagation.steps)

    def _audit(self) -> Audit:
        order = self.view.sample_nodes[self.view.audit()]
        drawn = order[audited(self.labelled().clamped[order])]
        nodes, first, counts = np.unique(drawn, return_index=True, return_counts=True)
        by_order = np.argsort(first)  # the order of slots does not outlast a restart
        nodes, counts = nodes[by_order], counts[by_order]
        stated = self.statements()
        right = np.zeros(len(nodes), np.bool_)
        for fold in range(min(_FOLDS, len(nodes))):
            held = slice(fold, None, _FOLDS)
            verified = stated.seeds[np.searchsorted(stated.labelled, nodes[held])].argmax(axis=1)
            believed = self.without(nodes[held]).beliefs().classes[nodes[held]]
            right[held] = believed == stated.seen[verified]
        return Audit(len(drawn), int(counts[right].sum()))


def take(tables: Tables, revision: int, before: Snapshot | None) -> Snapshot:
    """Return the present state as a snapshot, sharing the graph's view with `before` where it still holds.

    The caller holds the dataset's lock.
    """
    view = before.view if before and before.view.version == tables.sample_version else GraphView(tables)
    columns = tables.labels.columns()
    labels = replace(columns, samples=view.index_of_row[columns.samples])
    return Snapshot(tables, revision, view, labels)
