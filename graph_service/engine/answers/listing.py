"""What a dataset holds, as it was written: its samples and its labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graph_service.engine.revision.snapshot import Snapshot
from graph_service.events import Trust

__all__ = ["Label", "Labels", "Samples", "labels", "samples"]


@dataclass(frozen=True)
class Samples:
    """A page of samples in order of arrival, with the content hash of each (possibly empty)."""

    revision: int
    sample_ids: list[str]
    content_hashes: list[bytes]
    total_count: int


@dataclass(frozen=True)
class Label:
    """One annotator's statement about one sample."""

    sample_id: str
    class_name: str
    annotator: str
    trust: Trust


@dataclass(frozen=True)
class Labels:
    """A page of labels in order of their samples' arrival."""

    revision: int
    labels: list[Label]
    total_count: int


def samples(snapshot: Snapshot, *, start: int, count: int, unstaged_only: bool) -> Samples:
    """Return samples number `start` to `start + count`, of all or of those without a staged vector."""
    view = snapshot.view
    if unstaged_only and snapshot.staged is not None:
        chosen = np.flatnonzero(~snapshot.staged)
    else:
        chosen = np.arange(len(view.ids))
    page = chosen[start : start + count].tolist()
    return Samples(
        snapshot.revision,
        [view.ids[i] for i in page],
        [view.content_hashes[i] for i in page],
        len(chosen),
    )


def labels(snapshot: Snapshot, *, start: int, count: int) -> Labels:
    """Return labels number `start` to `start + count`."""
    stated, page = snapshot.labels, slice(start, start + count)
    indices = snapshot.view.index_of_row[stated.rows(page)]
    columns = indices, stated.classes[page], stated.annotators(page), stated.trusts[page]
    found = [
        Label(
            snapshot.view.ids[sample],
            snapshot.classes[index],
            stated.annotator_names[annotator],
            Trust(trust),
        )
        for sample, index, annotator, trust in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return Labels(snapshot.revision, found, len(stated))
