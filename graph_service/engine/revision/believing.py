"""What the labels make every node believe by eq. 3, from revision to revision."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.propagation.adjacency import Adjacency
from graph_service.propagation.beliefs import beliefs, decide
from graph_service.propagation.propagate import propagate
from graph_service.propagation.rows import BeliefRows, DenseRows, HeaviestRows, Patches
from graph_service.propagation.seeds import Seeds
from graph_service.propagation.states import Dense, Heaviest
from graph_service.propagation.trajectory import Trajectory
from graph_service.suggestion.uncertainty import narrowness

__all__ = ["Believed", "Running", "believed"]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Nodes = npt.NDArray[np.integer]
Kept = Trajectory[Dense] | Trajectory[Heaviest]

_DENSE = 64
"""Classes up to which all scores of a row are kept: rows of more take longer to read than to sift."""
_KEPT_BYTES = 3 * 2**30
"""Memory that the states of one dataset's steps may take; beyond it every revision is a full run."""


@dataclass(frozen=True, eq=False)
class Believed:
    """The beliefs of n nodes.

    Attributes:
        rows: (n, C).
        classes: int32 (n,), the class of greatest belief, -1 where unreached.
        confidences: float32 (n,), the belief in that class.
        narrowness: float32 (n,), see `uncertainty`.
        missing: float32 (n,), the share of a row that went to classes which are not kept: if that of the
            class believed in leads by more, no other can have more. 0 where all are kept.
    """

    rows: BeliefRows
    classes: Int32
    confidences: Float32
    narrowness: Float32
    missing: Float32


class Running:
    """The propagation that a dataset's successive revisions share. Thread-safe.

    While graph, settings and classes stay, only those rows are made anew that other labels concern. It does
    not matter in which order revisions come: each is a change of labels from the one before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._adj: Adjacency | None = None
        self._kept: Kept | None = None
        self._last: Believed | None = None

    def believed(self, adj: Adjacency, seeds: Seeds, classes: int, steps: int) -> Believed:
        """Return what `believed` does, within `Trajectory`'s bound; faster where it was asked before."""
        with self._lock:
            last = self._updated(adj, seeds, classes, steps)
            if last is None:
                self._kept = self._last = None  # its memory goes before the next one's comes
                fits = (steps + 1) * len(adj) * _row_bytes(classes) <= _KEPT_BYTES
                self._kept = _full(adj, seeds, classes, steps, kept=steps + 1) if fits else None
                last = _all(self._kept.states) if self._kept else believed(adj, seeds, classes, steps)
            self._adj, self._last = adj, last
            return last

    def forget(self) -> None:
        """Give back the memory; the next revision is a full run."""
        with self._lock:
            self._adj = self._kept = self._last = None

    def _updated(self, adj: Adjacency, seeds: Seeds, classes: int, steps: int) -> Believed | None:
        """Return the beliefs if there is something to go on from."""
        kept, last = self._kept, self._last
        if kept is None or last is None or self._adj is not adj:
            return None
        if (kept.states.classes, kept.states.steps) != (classes, steps):
            return None
        self._last = None  # an update that fails halfway leaves nothing to go on from
        changed = kept.update(seeds)
        if changed is None:
            return None
        if len(changed) == len(adj):
            return _all(kept.states)
        return _patched(last, changed, _part(kept.states, changed))


def believed(adj: Adjacency, seeds: Seeds, classes: int, steps: int) -> Believed:
    """Return what eq. 3 makes of labels. O(steps · nnz · min(C, 64)).

    Up to 64 classes all scores are reckoned with, and float32 is used only where it suffices; of more, the
    heaviest of each row alone, and masses below 2⁻⁹⁰⁰ of the heaviest label's may count as nothing. No
    array of n × C numbers is made then.

    Args:
        adj: the graph, of n rows.
        seeds: the labels.
        classes: C.
        steps: t, at least 1.
    """
    if classes > _DENSE:
        return _all(_heaviest(adj, seeds, classes, steps, kept=2).states)
    rows, clamped = np.zeros((len(adj), classes), np.float32), np.zeros(len(adj), np.bool_)
    rows[seeds.nodes] = seeds.dense(classes)
    clamped[seeds.nodes] = seeds.clamped
    return _whole(_dense(propagate(adj, rows, clamped, steps)), classes)


def _row_bytes(classes: int) -> int:
    return 4 * (max(classes, 16) if classes <= _DENSE else 16)


def _full(adj: Adjacency, seeds: Seeds, classes: int, steps: int, kept: int) -> Kept | None:
    """Return a full run; None where there are few classes and float32 does not suffice."""
    if classes <= _DENSE:
        return Trajectory.full(adj, seeds, Dense(len(adj), classes, steps, kept=kept))
    return _heaviest(adj, seeds, classes, steps, kept)


def _heaviest(adj: Adjacency, seeds: Seeds, classes: int, steps: int, kept: int) -> Trajectory[Heaviest]:
    for dtype in (np.float32, np.float64):
        states = Heaviest(len(adj), classes, steps, kept=kept, dtype=dtype)
        made = Trajectory.full(adj, seeds, states)
        if made is not None:
            return made
    raise AssertionError("float64 always suffices")


@dataclass(frozen=True, eq=False)
class _Part:
    """The attributes of `Believed` for some nodes; the rows as the columns of `Patches`."""

    columns: tuple[npt.NDArray[np.generic], ...]
    classes: Int32
    confidences: Float32
    narrowness: Float32
    missing: Float32


def _dense(scores: Float32) -> _Part:
    rows = beliefs(scores)
    return _Part((rows,), *decide(rows), narrowness(rows), np.zeros(len(rows), np.float32))


def _part(states: Dense | Heaviest, nodes: Nodes) -> _Part:
    """Return what these nodes believe after the last step."""
    if isinstance(states, Dense):
        return _dense(states.scores(nodes))
    kept, scores, lost = states.scores(nodes)
    rows = beliefs(scores)
    # Of equal beliefs the first class is taken, as `decide` does.
    first = np.where(scores == scores[:, :1], kept, np.uint16(2**16 - 1)).min(axis=1).astype(np.int32)
    masses = scores.sum(axis=1) + lost
    missing = np.divide(lost, masses, out=np.zeros_like(lost), where=masses > 0).astype(np.float32)
    reached = scores[:, 0] > 0
    return _Part(
        (kept, rows), np.where(reached, first, np.int32(-1)), rows[:, 0].copy(), narrowness(rows), missing
    )


def _all(states: Dense | Heaviest) -> Believed:
    return _whole(_part(states, np.arange(states.rows.shape[1])), states.classes)


def _whole(part: _Part, classes: int) -> Believed:
    """Return the beliefs of all nodes."""
    patches = Patches(*part.columns)
    rows: BeliefRows
    if len(part.columns) == 1:
        rows = DenseRows(patches, np.arange(classes), classes)
    else:
        rows = HeaviestRows(patches, classes)
    return Believed(rows, part.classes, part.confidences, part.narrowness, part.missing)


def _patched(before: Believed, nodes: Nodes, part: _Part) -> Believed:
    """Return beliefs in which those of some nodes have changed."""
    columns = []
    for name in ("classes", "confidences", "narrowness", "missing"):
        column = getattr(before, name).copy()
        column[nodes] = getattr(part, name)
        columns.append(column)
    return Believed(before.rows.patched(nodes, *part.columns), *columns)
