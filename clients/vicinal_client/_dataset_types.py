"""A dataset as it stands, and the limits in force."""

from __future__ import annotations

from dataclasses import dataclass

from vicinal_client._graph_types import Method

__all__ = ["Dataset", "GraphLimits"]


@dataclass(frozen=True)
class Dataset:
    """A dataset as it stands.

    Attributes:
        name: its unique name.
        dimension: length of every vector; `change_encoder` may change it.
        encoder_digest: the encoder whose vectors it holds; empty when none was bound.
        classes: class names; their order is the class index everywhere. Empty in a list of datasets.
        neighbours: neighbours a sample in the graph (k of the paper's eq. 2).
        method: how labels become beliefs.
        temperature: T of eq. 2; 0 when it is left to the method.
        steps: t of eq. 3; `Method.POOLED` takes its own number.
        revision: the newest revision.
        sample_count: samples it holds.
        node_count: distinct points in the graph; exact duplicates share one.
        verified_label_count: labels with `Trust.VERIFIED`.
        given_label_count: labels with `Trust.GIVEN`.
        index: which index finds neighbours now, "exact" or "hnsw".
        staged_encoder_digest: the encoder whose staged vectors wait for `change_encoder`; empty when none do.
        staged_count: samples that have a staged vector.
    """

    name: str
    dimension: int
    encoder_digest: str
    classes: tuple[str, ...]
    neighbours: int
    method: Method
    temperature: float
    steps: int
    revision: int
    sample_count: int
    node_count: int
    verified_label_count: int
    given_label_count: int
    index: str
    staged_encoder_digest: str
    staged_count: int


@dataclass(frozen=True)
class GraphLimits:
    """Limits that the graph service has in force.

    Attributes:
        max_id_bytes: bytes (UTF-8) of an id, a name, a class or an annotator.
        max_samples_per_request: samples in one request; the client cuts longer input by it.
        max_labels_per_request: labels in one request; the client cuts longer input by it.
        max_samples: samples in one dataset.
        max_classes: classes in one dataset.
        max_dimension: length of a vector.
        max_neighbours: k.
        max_suggestions: suggestions in one call.
        max_page_size: items of one page.
        max_message_bytes: bytes of one message.
        max_scores: samples times classes in one dataset.
        max_watchers: streams of `watch_beliefs` at one time, of all datasets together.
        max_leased_samples: samples of one dataset under live leases.
    """

    max_id_bytes: int
    max_samples_per_request: int
    max_labels_per_request: int
    max_samples: int
    max_classes: int
    max_dimension: int
    max_neighbours: int
    max_suggestions: int
    max_page_size: int
    max_message_bytes: int
    max_scores: int
    max_watchers: int
    max_leased_samples: int
