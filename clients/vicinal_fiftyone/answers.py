"""What the graph service says about a dataset's samples, by sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vicinal_client import Beliefs, Flag, FlagKind, GraphClient, Trust

__all__ = ["Answers", "Guess", "ask"]


@dataclass(frozen=True)
class Guess:
    """A class and how sure it is.

    Attributes:
        class_name: the class.
        confidence: 0 to 1.
    """

    class_name: str
    confidence: float


@dataclass(frozen=True)
class Answers:
    """What is known about samples; one that is missing in a mapping has no such value.

    Shares are rounded to thousandths.

    Attributes:
        revision: the revision that the beliefs belong to; the others are at least as new.
        beliefs: the class that each sample is believed to have; unreached ones are missing.
        suspicions: probability that the sample's label is wrong, 0 to 1.
        suggested: where a label looks wrong and nobody has confirmed it, the class that the evidence supports
            most, and the suspicion.
        ranks: place among the samples to label next, from 1.
        near_duplicates: the earlier samples that each one all but repeats, nearest first.
        outliers: of samples far from all others, the share of samples that are less far.
    """

    revision: int
    beliefs: Mapping[str, Guess]
    suspicions: Mapping[str, float]
    suggested: Mapping[str, Guess]
    ranks: Mapping[str, int]
    near_duplicates: Mapping[str, list[str]]
    outliers: Mapping[str, float]


def ask(
    graph: GraphClient,
    name: str,
    annotator: str,
    *,
    count: int,
    audit_share: float,
    min_suspicion: float | None,
) -> Answers:
    """Ask for everything about a dataset, as it stands now.

    Args:
        graph: of the graph service.
        name: the dataset.
        annotator: whose labels are judged.
        count: samples to suggest.
        audit_share: share of them, 0 to 1, that is drawn at random.
        min_suspicion: least probability that a label is wrong, 0 to 1, for it to be suggested another; None
            lets the service decide.

    Raises:
        NotFound: UNKNOWN_DATASET.
    """
    dataset = graph.get_dataset(name)
    now = dataset.revision
    beliefs = graph.export_beliefs(name, min_revision=now)
    judged = graph.flag_errors(name, min_suspicion=0, evidence=0, min_revision=now)
    flagged = graph.flag_errors(name, min_suspicion=min_suspicion, evidence=0, min_revision=now)
    repeated = graph.flag_errors(name, kind=FlagKind.NEAR_DUPLICATE, min_revision=now)
    outliers = graph.flag_errors(name, kind=FlagKind.OUTLIER, evidence=0, min_revision=now)
    most = graph.limits(name).max_suggestions
    picks = graph.suggest(name, min(count, most), audit_share=audit_share, min_revision=now) if count else ()
    return Answers(
        revision=beliefs.revision,
        beliefs=_guesses(beliefs, dataset.classes),
        suspicions={
            one.label.sample_id: _rounded(one.suspicion) for one in judged if one.label.annotator == annotator
        },
        suggested={
            one.label.sample_id: Guess(one.suggested_class, _rounded(one.suspicion))
            for one in flagged
            if one.label.annotator == annotator and _is_open(one)
        },
        ranks={pick.sample_id: place for place, pick in enumerate(picks, 1)},
        near_duplicates={one.label.sample_id: [near.sample_id for near in one.evidence] for one in repeated},
        outliers={one.label.sample_id: _rounded(one.suspicion) for one in outliers},
    )


def _guesses(beliefs: Beliefs, classes: tuple[str, ...]) -> dict[str, Guess]:
    columns = zip(beliefs.sample_ids, beliefs.classes.tolist(), beliefs.confidences.tolist(), strict=True)
    return {name: Guess(classes[index], _rounded(sure)) for name, index, sure in columns if index >= 0}


def _is_open(flag: Flag) -> bool:
    """Whether a person still has to look: the label came with the data, and there is a better one."""
    return flag.label.trust is Trust.GIVEN and flag.suggested_class not in ("", flag.label.class_name)


def _rounded(share: float) -> float:
    """Return a share in thousandths, which most samples keep when others are labelled."""
    return round(share, 3)
