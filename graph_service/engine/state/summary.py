"""A dataset in numbers."""

from __future__ import annotations

from graph_service.engine.state.tables import Tables
from graph_service.events import Trust

__all__ = ["Summary"]


class Summary:
    """A dataset in numbers; the contract's `Dataset` says what each means."""

    def __init__(self, tables: Tables, revision: int) -> None:
        self.created = tables.created
        self.encoder = tables.encoder
        self.staged_encoder_digest = tables.staging.encoder.digest if tables.staging is not None else ""
        self.staged_count = len(tables.staging) if tables.staging is not None else 0
        self.propagation = tables.propagation
        self.classes = tuple(tables.classes)
        self.revision = revision
        self.sample_count = len(tables.row_of)
        self.node_count = len(tables.nodes)
        self.verified_label_count = tables.labels.count(Trust.VERIFIED)
        self.given_label_count = tables.labels.count(Trust.GIVEN)
        self._graph = tables.nodes.graph

    @property
    def index(self) -> str:
        """Which index answers now: that changes without a write, as one is built in the background."""
        return self._graph.index_name
