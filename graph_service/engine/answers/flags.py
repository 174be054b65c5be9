"""The flags of a snapshot, page by page, and how many labels are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph_service.engine.answers.near import Evidence, nearest, shown
from graph_service.engine.requests import checks
from graph_service.engine.revision.rankings import FlagKind, Ranking
from graph_service.engine.revision.snapshot import Derived, Snapshot
from graph_service.events import Trust
from graph_service.flagging.cut import target_precision
from graph_service.flagging.evidence import evidence
from graph_service.flagging.noise import Estimates, by_group, noise_rate, transitions
from vicinal.wire.errors import FailedPrecondition, InvalidArgument

__all__ = ["Cut", "Estimates", "Evidence", "Flag", "Flags", "Noise", "check", "flag", "needed", "noise"]


@dataclass(frozen=True)
class Cut:
    """Where the list of flags ends; at most one is set, and none leaves it to the kind."""

    min_suspicion: float | None = None
    target_precision: float | None = None
    budget: int | None = None


@dataclass(frozen=True)
class Flag:
    """One label or sample that looks wrong; no trust where the flag concerns no label."""

    sample_id: str
    annotator: str
    class_name: str
    trust: Trust | None
    suspicion: float
    suggested_class: str
    evidence: list[Evidence]


@dataclass(frozen=True)
class Flags:
    """A page of flags, the most suspicious first."""

    revision: int
    items: list[Flag]
    total_count: int


@dataclass(frozen=True, eq=False)
class Noise:
    """How many labels are wrong.

    Attributes:
        revision: the revision it belongs to.
        rate: of shape ().
        transition: of shape (classes, classes); None where it was not asked for.
        annotators: the names, those with most labels first.
        counts: int64 (annotators,), their labels.
        rates: of shape (annotators,).
    """

    revision: int
    rate: Estimates
    transition: Estimates | None
    annotators: list[str]
    counts: npt.NDArray[np.int64]
    rates: Estimates


def check(kind: FlagKind, cut: Cut) -> None:
    """Refuse a cut outside its range, or one that does not fit the kind.

    Raises:
        InvalidArgument: OUT_OF_RANGE.
    """
    if cut.min_suspicion is not None:
        checks.in_range(cut.min_suspicion, "min_suspicion", 0, 1)
    if cut.budget is not None and cut.budget < 1:
        message = f"budget is {cut.budget}; it must be at least 1"
        raise InvalidArgument("OUT_OF_RANGE", message, field="budget", limit="1..", value=cut.budget)
    target = cut.target_precision
    if target is None:
        return
    if not 0 < target <= 1:
        message = f"target_precision is {target}; it must be above 0 and at most 1"
        raise InvalidArgument("OUT_OF_RANGE", message, field="target_precision", limit="0..1", value=target)
    if kind is not FlagKind.WRONG_LABEL:
        message = "target_precision is given, but only the suspicion of wrong labels is a probability"
        limit = "FLAG_KIND_WRONG_LABEL"
        raise InvalidArgument("OUT_OF_RANGE", message, field="target_precision", limit=limit, value=kind.name)


def needed(kind: FlagKind) -> Derived:
    """Return what must be made of a snapshot for flags of this kind."""
    is_of_samples = kind in (FlagKind.NEAR_DUPLICATE, FlagKind.OUTLIER)
    return Derived.BELIEFS if is_of_samples else Derived.JUDGEMENT


def flag(
    snapshot: Snapshot, *, kind: FlagKind, cut: Cut, evidence_count: int, start: int, count: int
) -> Flags:
    """Return flags number `start` to `start + count` of this kind before the cut."""
    ranking = snapshot.judging.ranking(kind)
    places = _before(ranking, cut)
    make = _label_flag if kind in (FlagKind.WRONG_LABEL, FlagKind.CONTRADICTION) else _sample_flag
    chosen = places[start : start + count]
    columns = ranking.items[chosen].tolist(), ranking.suspicion(chosen).tolist()
    items = [
        make(snapshot, kind, item, suspicion, evidence_count)
        for item, suspicion in zip(*columns, strict=True)
    ]
    return Flags(snapshot.revision, items, len(places))


def noise(snapshot: Snapshot, level: float, *, by_class: bool) -> Noise:
    """Estimate how many labels are wrong: overall, by annotator and, if asked for, by class: O(classes²).

    Raises:
        FailedPrecondition: NOTHING_TO_PROPAGATE when no label can be judged by others.
    """
    judgement, labels = snapshot.judging.judgement(), snapshot.labels
    if not judgement.judged.any():
        message = "no label can be judged: that takes two labels of one class on different samples, at least"
        raise FailedPrecondition("NOTHING_TO_PROPAGATE", message)
    codes, groups, counts = np.unique(labels.annotators(), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rates = by_group(judgement, groups, len(codes), level)
    transition = None
    if by_class:
        inside = transitions(judgement, level)
        transition = _spread_out(inside, snapshot.seen(), len(snapshot.classes))
    return Noise(
        revision=snapshot.revision,
        rate=noise_rate(judgement, level),
        transition=transition,
        annotators=[labels.annotator_names[code] for code in codes[order].tolist()],
        counts=counts[order],
        rates=Estimates(*(ends[order] for ends in (rates.estimate, rates.lower, rates.upper))),
    )


def _before(ranking: Ranking, cut: Cut) -> npt.NDArray[np.int64]:
    """Return the places in the ranking that lie before the cut, rising."""
    if cut.min_suspicion is not None:
        # Compared as the float32 that is sent, so that a suspicion read from an answer finds its flag.
        return np.flatnonzero(ranking.suspicion() >= np.float32(cut.min_suspicion))
    if cut.target_precision is not None:
        return np.arange(target_precision(ranking.suspicion(), cut.target_precision))
    if cut.budget is not None:
        return np.arange(min(cut.budget, len(ranking.items)))
    return ranking.flagged


def _label_flag(snapshot: Snapshot, kind: FlagKind, label: int, suspicion: float, count: int) -> Flag:
    labels, view = snapshot.labels, snapshot.view
    sample, (class_index, trust) = int(view.index_of_row[labels.row(label)]), labels.label(label)
    rival = int(snapshot.judging.judgement().rival[label])
    against = _speakers if kind is FlagKind.WRONG_LABEL else _contradictors
    return Flag(
        sample_id=view.ids[sample],
        annotator=labels.annotator(label),
        class_name=snapshot.classes[class_index],
        trust=trust,
        suspicion=suspicion,
        suggested_class=snapshot.classes[snapshot.seen()[rival]] if rival >= 0 else "",
        evidence=against(snapshot, int(view.sample_nodes[sample]), class_index, count),
    )


def _sample_flag(snapshot: Snapshot, kind: FlagKind, sample: int, suspicion: float, count: int) -> Flag:
    view, labels = snapshot.view, snapshot.labels
    stated = labels.classes[labels.places_of(int(view.rows[sample]))]
    near = _earlier(snapshot, sample) if kind is FlagKind.NEAR_DUPLICATE else nearest(snapshot, sample)
    return Flag(
        sample_id=view.ids[sample],
        annotator="",
        class_name=snapshot.classes[stated[0]] if len(stated) else "",
        trust=None,
        suspicion=suspicion,
        suggested_class="",
        evidence=shown(snapshot, near[:count]),
    )


def _speakers(snapshot: Snapshot, node: int, label: int, count: int) -> list[Evidence]:
    """Return the neighbours of a label's node that speak against it, heaviest first."""
    view, believed = snapshot.view, snapshot.beliefs().classes
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


def _contradictors(snapshot: Snapshot, node: int, label: int, count: int) -> list[Evidence]:
    """Return the samples that a contradicting label is on, nearest first, with the class it names."""
    view, labels = snapshot.view, snapshot.labels
    first, second, cosines = view.near_pairs()
    mine = first == node
    others = [(node, 1.0), *zip(second[mine].tolist(), cosines[mine].tolist(), strict=True)]
    found = []
    for other, cosine in others:
        for sample in np.flatnonzero(view.sample_nodes == other).tolist():
            stated = labels.classes[labels.places_of(int(view.rows[sample]))]
            found += [(view.ids[sample], snapshot.classes[i], cosine) for i in stated if i != label]
    return [Evidence(sample, 1 / len(found), name, cosine) for sample, name, cosine in found[:count]]


def _earlier(snapshot: Snapshot, sample: int) -> list[tuple[int, float]]:
    """Return the earlier samples that this one repeats, nearest first, with their cosines."""
    view, (first, second, cosines) = snapshot.view, snapshot.view.near_pairs()
    node = view.sample_nodes[sample]
    mine = (first == node) & (view.node_samples[second] < sample)
    original = int(view.node_samples[node])
    copies = [(original, 1.0)] if original != sample else []
    return copies + list(zip(view.node_samples[second[mine]].tolist(), cosines[mine].tolist(), strict=True))


def _spread_out(estimates: Estimates, seen: npt.NDArray[np.int64], classes: int) -> Estimates:
    """Return matrices over the classes that some label states as matrices over all."""

    def whole(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        rows = np.zeros((classes, classes))
        rows[np.ix_(seen, seen)] = matrix
        return rows

    return Estimates(whole(estimates.estimate), whole(estimates.lower), whole(estimates.upper))
