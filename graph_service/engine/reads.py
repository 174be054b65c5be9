"""The answers made from a snapshot: pure functions, safe to call from many threads at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.classification.pooled import pooled_vote
from graph_service.classification.vote import vote
from graph_service.engine.snapshot import Snapshot
from graph_service.events import Trust
from graph_service.flagging.suspicion import evidence, suspicion
from graph_service.propagation.beliefs import decide
from graph_service.suggestion.strategies import Strategy, suggest
from vicinal.wire.errors import FailedPrecondition

__all__ = [
    "Classification",
    "Evidence",
    "Export",
    "Flag",
    "Flags",
    "Propagated",
    "Suggestion",
    "Suggestions",
    "classify",
    "export",
    "flag",
    "propagated",
    "suggestions",
]

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Propagated:
    """The outcome of a propagation; `classes` and `confidences` are by sample (int32 and float32)."""

    revision: int
    labelled_count: int
    reached_count: int
    unreached_count: int
    seconds: float
    classes: Int32
    confidences: Float32


@dataclass(frozen=True)
class Suggestion:
    """One sample worth labelling; class -1 where it is unreached."""

    sample_id: str
    score: float
    class_index: int
    confidence: float


@dataclass(frozen=True)
class Suggestions:
    """The samples to label next, best first."""

    revision: int
    items: list[Suggestion]


@dataclass(frozen=True)
class Evidence:
    """One neighbour that speaks against a label."""

    sample_id: str
    weight: float
    class_name: str
    similarity: float


@dataclass(frozen=True)
class Flag:
    """One label that looks wrong."""

    sample_id: str
    annotator: str
    class_name: str
    trust: Trust
    suspicion: float
    suggested_class: str
    evidence: list[Evidence]


@dataclass(frozen=True)
class Flags:
    """A page of the labels that look wrong, the most suspicious first."""

    revision: int
    items: list[Flag]
    total_count: int


@dataclass(frozen=True, eq=False)
class Classification:
    """The vote about each vector: int32 (m,), float32 (m,), float32 (m, classes)."""

    revision: int
    classes: Int32
    confidences: Float32
    beliefs: Float32


@dataclass(frozen=True, eq=False)
class Export:
    """A page of beliefs: ids, int32 (n,), float32 (n,), float32 (n, classes)."""

    revision: int
    sample_ids: list[str]
    classes: Int32
    confidences: Float32
    beliefs: Float32
    total_count: int


def propagated(snapshot: Snapshot) -> Propagated:
    """Spread the labels (or take what was spread before) and count whom they reached.

    Raises:
        FailedPrecondition: NOTHING_TO_PROPAGATE when there is no label.
    """
    if not len(snapshot.labels):
        message = "there is no label to propagate; add one first (SuggestSamples says where)"
        raise FailedPrecondition("NOTHING_TO_PROPAGATE", message)
    fresh = not snapshot.beliefs.made
    beliefs, nodes = snapshot.beliefs(), snapshot.view.sample_nodes
    classes, confidences = beliefs.classes[nodes], beliefs.confidences[nodes]
    reached = int((classes >= 0).sum())
    return Propagated(
        revision=snapshot.revision,
        labelled_count=int(snapshot.labelled().clamped[nodes].sum()),
        reached_count=reached,
        unreached_count=len(classes) - reached,
        seconds=beliefs.seconds if fresh else 0.0,
        classes=classes,
        confidences=confidences,
    )


def suggestions(
    snapshot: Snapshot, *, strategy: Strategy, count: int, seed: int, exclude: Collection[str]
) -> Suggestions:
    """Choose the samples to label next: none with a verified label, one of each set of exact duplicates."""
    view, clamped = snapshot.view, snapshot.labelled().clamped
    beliefs = snapshot.beliefs()
    closed = clamped.copy()
    if exclude:
        unwanted = set(exclude)
        closed[[view.sample_nodes[i] for i, sample in enumerate(view.ids) if sample in unwanted]] = True
    nodes, scores = suggest(
        strategy,
        count=count,
        candidates=view.nodes[~closed[view.nodes]],
        labelled=clamped,
        adj=snapshot.adjacency,
        beliefs=beliefs.rows,
        rng=np.random.default_rng([seed, snapshot.revision]),
    )
    columns = (view.node_samples[nodes], scores, beliefs.classes[nodes], beliefs.confidences[nodes])
    return Suggestions(
        snapshot.revision,
        [
            Suggestion(view.ids[sample], score, class_index, confidence)
            for sample, score, class_index, confidence in zip(*(c.tolist() for c in columns), strict=True)
        ],
    )


def flag(snapshot: Snapshot, *, min_suspicion: float, evidence_count: int, start: int, count: int) -> Flags:
    """Return labels number `start` to `start + count` among those at least this suspicious."""
    labels = snapshot.labels
    nodes = snapshot.label_nodes()
    held_out = snapshot.held_out()
    scores = suspicion(held_out[nodes], labels.classes)
    best, _ = decide(held_out[nodes])
    believed = snapshot.beliefs().classes
    flagged = np.flatnonzero((scores >= min_suspicion) & (best >= 0) & (best != labels.classes))
    # Equal suspicion keeps the labels' own order, so that pages of one revision always agree.
    order = flagged[np.argsort(-scores[flagged], kind="stable")]
    items = [
        Flag(
            sample_id=snapshot.view.ids[labels.samples[i]],
            annotator=labels.annotator_names[labels.annotators[i]],
            class_name=snapshot.classes[labels.classes[i]],
            trust=Trust(labels.trusts[i]),
            suspicion=float(scores[i]),
            suggested_class=snapshot.classes[best[i]],
            evidence=_evidence(snapshot, believed, int(nodes[i]), int(labels.classes[i]), evidence_count),
        )
        for i in order[start : start + count].tolist()
    ]
    return Flags(snapshot.revision, items, len(order))


def classify(snapshot: Snapshot, vectors: Float32, nodes: Int32, similarities: Float32) -> Classification:
    """Judge vectors (m, dimension) by their nearest nodes (m, k), as the method judges those inside."""
    temperature = snapshot.view.temperature(snapshot.propagation)
    known = snapshot.beliefs()
    if known.pooled:
        features = snapshot.view.basis().project(vectors)
        pooled = known.pooled
        found = pooled_vote(
            features, pooled.classifier, pooled.factors, nodes, similarities, pooled.beliefs, temperature
        )
        beliefs: Float32 = np.zeros((len(vectors), len(snapshot.classes)), np.float32)
        beliefs[:, pooled.seen] = found
    else:
        beliefs = vote(nodes, similarities, known.rows, temperature)
    classes, confidences = decide(beliefs)
    return Classification(snapshot.revision, classes, confidences, beliefs)


def export(snapshot: Snapshot, *, start: int, count: int) -> Export:
    """Return the beliefs of samples number `start` to `start + count` in order of arrival."""
    view, beliefs = snapshot.view, snapshot.beliefs()
    page = slice(start, start + count)
    nodes = view.sample_nodes[page]
    return Export(
        snapshot.revision,
        view.ids[page],
        beliefs.classes[nodes],
        beliefs.confidences[nodes],
        beliefs.rows[nodes],
        len(view.ids),
    )


def _evidence(snapshot: Snapshot, believed: Int32, node: int, label: int, count: int) -> list[Evidence]:
    """Return the neighbours of a flagged label's node that speak against it, as samples."""
    view = snapshot.view
    against = evidence(snapshot.adjacency, node, label, believed, count)
    return [
        Evidence(
            sample_id=view.ids[view.node_samples[other]],
            weight=weight,
            class_name=snapshot.classes[class_index],
            similarity=view.similarity(node, other),
        )
        for other, weight, class_index in zip(*(column.tolist() for column in against), strict=True)
    ]
