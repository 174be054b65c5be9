"""Which writes may share a commit: those that do not change what the others are checked against."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from graph_service.engine.requests.limits import Limits
from graph_service.engine.state.tables import Tables
from graph_service.events import Event, LabelsAdded, SamplesAdded

__all__ = ["MOST_SAMPLES", "together"]

MOST_SAMPLES = 4096
"""Samples of one commit, unless one write brings more: the lock is held while the graph takes them in."""


def together(events: Sequence[Event], tables: Tables, limits: Limits) -> int:
    """Return how many of these events, from the first on, may be checked before any of them is applied.

    Labels may: none changes what another is checked against. Samples may where there is room for all, as
    new ones: see `Tables.check`. Any other event stands alone.
    """
    if isinstance(events[0], LabelsAdded):
        return sum(1 for _ in takewhile(lambda event: isinstance(event, LabelsAdded), events))
    most = min(limits.max_samples, limits.max_scores // max(1, len(tables.classes))) - len(tables.row_of)
    count = samples = 0
    for event in events:
        samples += len(event.ids) if isinstance(event, SamplesAdded) else MOST_SAMPLES + 1
        if samples > min(most, MOST_SAMPLES):
            break
        count += 1
    return max(1, count)
