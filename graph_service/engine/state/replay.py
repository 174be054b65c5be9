"""A dataset's log, read from its beginning: the tables that it adds up to."""

from __future__ import annotations

import logging

from graph_service.engine.state.tables import Tables
from graph_service.events import DatasetCreated
from graph_service.log.base import DatasetLog
from graph_service.neighbours.graph import NeighbourGraph
from vicinal.wire.errors import DataLoss

__all__ = ["replay"]

_logger = logging.getLogger(__name__)

_FLUSH = 20_000
"""The graph is handed about so many vectors at a time: bounded memory."""


def replay(log: DatasetLog) -> tuple[Tables, int]:
    """Return the tables that a log's events add up to, and the revision of the last.

    Raises:
        DataLoss: LOG_DAMAGED when the log does not begin with the dataset's creation.
    """
    entries = log.read(0)
    first = next(entries, None)
    if first is None or not isinstance(first.event, DatasetCreated):
        raise DataLoss("LOG_DAMAGED", f"the log of dataset {log.name!r} does not begin with its creation")
    created = first.event
    tables = Tables(created, NeighbourGraph(created.dimension, created.neighbours))
    revision = first.revision
    for entry in entries:
        tables.apply(entry.event)
        revision = entry.revision
        if tables.pending >= _FLUSH:
            tables.flush(settle=False)  # the lists are made once, at the end
            _logger.info("dataset %s: %d samples replayed", log.name, len(tables.row_of))
    tables.flush()
    return tables, revision
