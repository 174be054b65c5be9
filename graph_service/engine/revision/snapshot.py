"""An immutable view of one revision, and what is computed from it on first need."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from graph_service.auditing.order import audited
from graph_service.engine.revision.believing import Believed, Running, believed
from graph_service.engine.revision.judging import Judging
from graph_service.engine.revision.once import Cell, Once, Value, twin
from graph_service.engine.revision.view import GraphView
from graph_service.engine.state.labels import LabelColumns
from graph_service.engine.state.tables import Tables
from graph_service.events import Method, Propagation
from graph_service.flagging.held_out import propagated
from graph_service.pooling.infer import Pooled, infer
from graph_service.pooling.statements import Statements
from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.beliefs import decide
from graph_service.propagation.rows import BeliefRows, DenseRows, Patches
from graph_service.propagation.seeds import Seeds
from graph_service.suggestion.uncertainty import narrowness

__all__ = ["Beliefs", "Derived", "Snapshot", "take"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]

_FOLDS = 10
"""Parts of the audit held out in turn. More leave fewer labels out at a time, and take longer."""


class Derived(Enum):
    """What is made of a snapshot for reads to be answered from."""

    BELIEFS = auto()
    """`Snapshot.beliefs`."""
    JUDGEMENT = auto()
    """`Judging.judgement`: five inferences, and five classifiers."""
    AUDIT = auto()
    """`Snapshot.audit`: up to ten inferences."""


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What the labels say of every node.

    Attributes:
        rows: (nodes, classes).
        classes: int32 (nodes,), the class of greatest belief, -1 where unreached.
        confidences: float32 (nodes,), the belief in that class.
        seconds: the time it took.
        pooled: what POOLED found; None under the other methods, and without a label.
        narrowness: float32 (nodes,), see `uncertainty`; None where it was not made with them.
    """

    rows: BeliefRows
    classes: Int32
    confidences: Float32
    seconds: float
    pooled: Pooled | None
    narrowness: Float32 | None


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
    """One revision of a dataset. Safe to read from many threads, for as long as one likes.

    Attributes:
        revision: which one.
        propagation: the settings.
        classes: the class names.
        view: the samples and the graph.
        labels: the labels, by row of the tables.
        staged: which samples have a staged vector: bool (samples,), or None where no vectors wait.
        running: the propagation that it shares with other revisions; None where it stands alone.
        version: the tables' `version`.
        judging: what is thought of them.
        answers: what was asked of it (see `Foresight`).
    """

    def __init__(
        self,
        revision: int,
        propagation: Propagation,
        classes: tuple[str, ...],
        view: GraphView,
        labels: LabelColumns,
        staged: Bools | None = None,
        running: Running | None = None,
        version: int = 0,
    ) -> None:
        self.revision = revision
        self.propagation = propagation
        self.classes = classes
        self.view = view
        self.labels = labels
        self.staged = staged
        self.running = running
        self.answers: dict[Any, Cell[Any]] = {}
        self.version = version
        self.judging = Judging(view, labels, len(classes), partial(_believed, view, propagation))

    def derive(self, what: Derived) -> None:
        """Make this, where it is not made yet."""
        values: dict[Derived, Value[Any]] = {
            Derived.BELIEFS: self.beliefs,
            Derived.JUDGEMENT: self.judging.judgement,
            Derived.AUDIT: self.audit,
        }
        values[what]()

    def at(self, revision: int) -> Snapshot:
        """Return the same state under another revision: what is made of the one is made of the other."""
        same = twin(self)
        same.revision = revision
        return same

    def without(self, nodes: npt.NDArray[np.integer]) -> Snapshot:
        """Return this revision as it would be had nobody labelled these nodes."""
        kept = ~np.isin(self.statements.nodes, nodes)
        return Snapshot(self.revision, self.propagation, self.classes, self.view, self.labels.among(kept))

    @property
    def statements(self) -> Statements:
        """The labels by node, made anew each time: revisions are held for longer than they are used; O(m)."""
        return self.view.statements(self.labels, len(self.classes))

    @property
    def adjacency(self) -> Adjacency:
        """The adjacency under this revision's settings."""
        return self.view.adjacency(self.propagation)

    @Once
    def clamped(self) -> Bools:
        """Nodes with a verified label, which keep their row: bool (nodes,)."""
        clamped, stated = np.zeros(len(self.view.node_samples), np.bool_), self.statements
        clamped[stated.nodes[stated.verified]] = True
        return clamped

    @Once
    def seen(self) -> npt.NDArray[np.int64]:
        """The classes that some label states, int64 (c,), rising."""
        return self.statements.seen

    @Once
    def beliefs(self) -> Beliefs:
        """What the labels say of every node."""
        started = time.perf_counter()
        if self.propagation.method is not Method.POOLED and len(self.labels):
            known = self._printed()
            columns = known.rows, known.classes, known.confidences
            return Beliefs(*columns, time.perf_counter() - started, None, known.narrowness)
        if self.running:
            self.running.forget()
        seen, pooled = self.seen(), None
        rows: Float32 = np.zeros((len(self.view.node_samples), 0), np.float32)
        if len(self.labels):
            pooled = _pooled(self.view, self.propagation, self.statements)
            rows = pooled.beliefs
        places, confidences = decide(rows)
        classes = np.append(seen, -1).astype(np.int32)[places]
        held = DenseRows(Patches(rows), seen, len(self.classes))
        return Beliefs(held, classes, confidences, time.perf_counter() - started, pooled, None)

    @Once
    def narrowness(self) -> Float32:
        """How divided the belief of each node is, float32 (nodes,); see `uncertainty`."""
        known = self.beliefs()
        if known.narrowness is not None:
            return known.narrowness
        return narrowness(known.pooled.beliefs if known.pooled else known.rows[slice(None)])

    def _printed(self) -> Believed:
        """Return what eq. 3 makes every node believe."""
        stated = self.statements
        seeds = Seeds.stated(stated.nodes, stated.classes, stated.verified)
        propagated = self.running.believed if self.running else believed
        return propagated(self.adjacency, seeds, len(self.classes), self.propagation.steps)

    @Once
    def audit(self) -> Audit:
        """How the beliefs do on the audited samples."""
        order = self.view.sample_nodes[self.view.audit()]
        drawn = order[audited(self.clamped()[order])]
        nodes, first, counts = np.unique(drawn, return_index=True, return_counts=True)
        by_order = np.argsort(first)  # the nodes' numbers do not outlast a restart
        nodes, counts = nodes[by_order], counts[by_order]
        stated = self.statements
        right = np.zeros(len(nodes), np.bool_)
        for fold in range(min(_FOLDS, len(nodes))):
            held = slice(fold, None, _FOLDS)
            verified = stated.seeds[np.searchsorted(stated.labelled, nodes[held])].argmax(axis=1)
            believed = self.without(nodes[held]).beliefs().classes[nodes[held]]
            right[held] = believed == stated.seen[verified]
        return Audit(len(drawn), int(counts[right].sum()))


def take(tables: Tables, revision: int, before: Snapshot | None) -> Snapshot:
    """Return the present state as a snapshot; it shares with `before` the propagation, and what still holds.

    The caller holds the dataset's lock.
    """
    if before and before.version == tables.version:
        return before.at(revision)  # only leases changed
    view = before.view if before and before.view.version == tables.sample_version else GraphView(tables)
    labels = tables.labels.columns()
    staged = tables.staging.mask(len(tables.ids))[view.rows] if tables.staging is not None else None
    running = before.running if before else Running()
    classes, version = tuple(tables.classes), tables.version
    return Snapshot(revision, tables.propagation, classes, view, labels, staged, running, version)


def _pooled(view: GraphView, settings: Propagation, labels: Statements) -> Pooled:
    return infer(view.adjacency(settings), view.features(), view.sample(), labels)


def _believed(
    view: GraphView, settings: Propagation, labels: Statements
) -> tuple[npt.NDArray[np.integer], Float32]:
    """Return the classes stated, and what the dataset's method believes from these labels alone."""
    if settings.method is Method.POOLED:
        pooled = _pooled(view, settings, labels)
        return pooled.seen, pooled.beliefs
    return propagated(view.adjacency(settings), labels, settings.steps)
