"""How a dataset stands, for the panel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vicinal_client import FailedPrecondition, GraphClient, Interval

__all__ = ["BINS", "Summary", "summarize"]

BINS = 10
"""Bars of the histogram, each a tenth of confidence."""


@dataclass(frozen=True)
class Summary:
    """How a dataset stands.

    Attributes:
        samples: samples it holds.
        verified: labels that a person has confirmed.
        given: labels that came with the data.
        unreached: samples without a belief.
        accuracy: share of beliefs that are right; None before the audit's first label.
        noise: share of labels that are wrong; None before labels can be judged.
        histogram: for each tenth of confidence, lowest first, how many samples.
    """

    samples: int
    verified: int
    given: int
    unreached: int
    accuracy: Interval | None
    noise: Interval | None
    histogram: tuple[int, ...]

    def as_markdown(self) -> str:
        """Return what the panel shows above the histogram."""
        accuracy = _said(self.accuracy, "unknown until some of those next to label are labelled")
        rows = {
            "Samples": f"{self.samples}, {self.unreached} unreached",
            "Labels": f"{self.verified} verified, {self.given} given",
            "Beliefs that are right": accuracy,
            "Labels that are wrong": _said(self.noise, "unknown until there are labels to compare"),
        }
        return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def summarize(graph: GraphClient, name: str) -> Summary:
    """Ask how the dataset stands now.

    Raises:
        NotFound: UNKNOWN_DATASET.
    """
    dataset = graph.get_dataset(name)
    now = dataset.revision
    beliefs = graph.export_beliefs(name, min_revision=now)
    reached = beliefs.classes >= 0
    counts, _ = np.histogram(beliefs.confidences[reached], bins=BINS, range=(0, 1))
    try:
        noise = graph.estimate_noise(name, min_revision=now).noise_rate
    except FailedPrecondition:
        noise = None
    return Summary(
        samples=dataset.sample_count,
        verified=dataset.verified_label_count,
        given=dataset.given_label_count,
        unreached=int((~reached).sum()),
        accuracy=graph.estimate_accuracy(name, min_revision=now).accuracy,
        noise=noise,
        histogram=tuple(counts.tolist()),
    )


def _said(share: Interval | None, otherwise: str) -> str:
    if share is None:
        return otherwise
    return f"{share.estimate:.1%} ({share.lower:.1%} to {share.upper:.1%})"
