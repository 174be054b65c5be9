"""What to label next, and how right the beliefs are: answers made from a snapshot, by pure functions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from graph_service.auditing.order import audit_keys
from graph_service.auditing.proportion import trials_to_reach, wilson
from graph_service.engine.answers.near import Evidence, nearest, shown
from graph_service.engine.revision.snapshot import Snapshot
from graph_service.engine.revision.view import GraphView
from graph_service.engine.state.leases import Lease
from graph_service.suggestion.strategies import Reason, State, Strategy, suggest
from graph_service.suggestion.uncertainty import rivals

__all__ = ["Accuracy", "Interval", "Suggestion", "Suggestions", "Wanted", "accuracy", "suggestions"]

Int32 = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]

_NOBODY: Rows = np.zeros(0, np.int64)


class Wanted(TypedDict):
    """What is wanted of `suggestions`."""

    strategy: Strategy
    count: int
    audit_share: float
    seed: int
    evidence_count: NotRequired[int]


@dataclass(frozen=True)
class Suggestion:
    """One sample worth labelling; class -1 where it is unreached, rival -1 where there is no second."""

    sample_id: str
    score: float
    class_index: int
    confidence: float
    reason: Reason
    represents: int
    rival_class_index: int
    evidence: list[Evidence]


@dataclass(frozen=True)
class Suggestions:
    """The samples to label next, best first, and their lease if one was asked for."""

    revision: int
    items: list[Suggestion]
    lease: Lease | None = None


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its interval, each 0 to 1."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Accuracy:
    """The share of right beliefs as the audit has it, None before the first audited sample.

    Attributes:
        audits_needed: audited samples it will take until the lower end reaches the target; None when the
            share found is not above it. Before the first: as if all were right.
    """

    revision: int
    audited_count: int
    right_count: int
    interval: Interval | None
    target_reached: bool
    audits_needed: int | None


def suggestions(
    snapshot: Snapshot,
    *,
    strategy: Strategy,
    count: int,
    audit_share: float,
    seed: int,
    exclude: Collection[str],
    leased: Rows = _NOBODY,
    among: Rows | None = None,
    evidence_count: int = 0,
) -> Suggestions:
    """Choose the samples to label next: none with a verified label, one of each set of exact duplicates.

    A sample's own label is meant where it is held: what has been verified of a copy of it does not end that.

    What one annotator holds is not for another, nor is a copy of it, which he would see as the same image: so
    the nodes of leased samples are as unwanted as those of excluded ones.

    Args:
        snapshot: what to choose from.
        strategy: how.
        count: how many.
        audit_share: see `suggest`.
        seed: see `suggest`.
        exclude: ids of samples not to choose; unknown ones are passed over.
        leased: rows of samples not to choose either.
        among: rows of the only samples to choose from, if given, which somebody holds; all are chosen.
        evidence_count: most neighbours shown a suggestion.
    """
    view, beliefs = snapshot.view, snapshot.beliefs()
    if not len(view.nodes):
        return Suggestions(snapshot.revision, [])
    shown_as, labelled = view.node_samples, snapshot.clamped()
    unwanted = _nodes_named(view, exclude)
    if len(leased):
        unwanted = np.append(unwanted, view.sample_nodes[view.indices(leased)])
    if among is not None:
        held = view.indices(among)
        count, unwanted = len(held), np.setdiff1d(view.nodes, view.sample_nodes[held])
        shown_as, labelled = shown_as.copy(), labelled.copy()
        shown_as[view.sample_nodes[held]] = held  # of copies, the one that is held
        labelled[view.sample_nodes[held]] = False
    picks = suggest(
        strategy,
        count=count,
        audit_share=audit_share,
        seed=seed,
        state=State(
            ground=view.ground(),
            labelled=labelled,
            unwanted=unwanted,
            class_count=len(snapshot.classes),
            narrowness=snapshot.narrowness,
            rows=lambda nodes: beliefs.rows[nodes],
        ),
    )
    nodes = picks.nodes
    represents = np.maximum(np.rint(picks.shares * len(view.ids)), 1).astype(np.int64)
    columns = (
        picks.scores,
        beliefs.classes[nodes],
        beliefs.confidences[nodes],
        represents,
        rivals(beliefs.rows[nodes]),
    )
    samples = shown_as[nodes].tolist()
    near: list[list[Evidence]] = [[] for _ in samples]
    if evidence_count:
        near = [shown(snapshot, nearest(snapshot, sample)[:evidence_count]) for sample in samples]
    items = [
        Suggestion(view.ids[sample], score, class_index, confidence, reason, stands_for, rival, evidence)
        for sample, reason, evidence, score, class_index, confidence, stands_for, rival in zip(
            samples, picks.reasons, near, *(column.tolist() for column in columns), strict=True
        )
    ]
    return Suggestions(snapshot.revision, items)


def accuracy(snapshot: Snapshot, *, target: float, level: float) -> Accuracy:
    """Estimate the share of right beliefs from the audit, with Wilson's interval."""
    audit = snapshot.audit()
    share = audit.right / audit.count if audit.count else 1.0
    interval = None
    if audit.count:
        interval = Interval(share, *wilson(audit.right, audit.count, level))
    reached = interval is not None and interval.lower >= target
    in_all = trials_to_reach(share, target, level)
    return Accuracy(
        revision=snapshot.revision,
        audited_count=audit.count,
        right_count=audit.right,
        interval=interval,
        target_reached=reached,
        audits_needed=0 if reached else None if in_all is None else max(in_all - audit.count, 1),
    )


def _nodes_named(view: GraphView, names: Collection[str]) -> Int32:
    """Return the nodes of the samples with these ids; unknown ones are passed over."""
    if not names:
        return np.zeros(0, np.int32)
    keys, order = view.audit_keys(), view.audit()
    wanted = audit_keys(names)
    ends = zip(
        *(np.searchsorted(keys, wanted, side, order).tolist() for side in ("left", "right")), strict=True
    )
    found = [
        view.sample_nodes[i]
        for name, (start, end) in zip(names, ends, strict=True)
        for i in order[start:end].tolist()
        if view.ids[i] == name
    ]
    return np.array(found, np.int32)
