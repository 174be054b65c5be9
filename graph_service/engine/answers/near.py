"""Samples that are shown beside another one: for what is believed of them, and how near they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graph_service.engine.revision.snapshot import Snapshot

__all__ = ["Evidence", "nearest", "shown"]


@dataclass(frozen=True)
class Evidence:
    """One sample that speaks for a flag, or is near a suggestion."""

    sample_id: str
    weight: float
    class_name: str
    similarity: float


def nearest(snapshot: Snapshot, sample: int) -> list[tuple[int, float]]:
    """Return the samples nearest to this one with their cosines, nearest first."""
    view = snapshot.view
    node = view.sample_nodes[sample]
    filled = np.flatnonzero(view.neighbours[node] >= 0)
    order = filled[np.argsort(-view.similarities[node][filled], kind="stable")]
    samples = view.node_samples[view.neighbours[node][order]]
    return list(zip(samples.tolist(), view.similarities[node][order].tolist(), strict=True))


def shown(snapshot: Snapshot, near: Sequence[tuple[int, float]]) -> list[Evidence]:
    """Return samples with their cosines as evidence of equal weight, each with its believed class."""
    view, classes = snapshot.view, snapshot.beliefs().classes
    found = []
    for sample, cosine in near:
        believed = int(classes[view.sample_nodes[sample]])
        name = snapshot.classes[believed] if believed >= 0 else ""
        found.append(Evidence(view.ids[sample], 1 / len(near), name, cosine))
    return found
