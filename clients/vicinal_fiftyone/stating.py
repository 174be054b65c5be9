"""FiftyOne's label changes → vicinal's log, by comparison: nothing is remembered between two calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vicinal_client import GraphClient, Trust
from vicinal_fiftyone.errors import FiftyOneError
from vicinal_fiftyone.labels import Statement, difference
from vicinal_fiftyone.link import Collection, Link, linked, remember
from vicinal_fiftyone.reading import statements

__all__ = ["Synced", "state", "sync_labels"]


@dataclass(frozen=True)
class Synced:
    """What a synchronisation of labels wrote.

    Attributes:
        dataset: dataset of the graph service.
        stated: labels stated.
        removed: labels taken back.
        unknown: samples with a label that vicinal does not hold; `push` brings them.
    """

    dataset: str
    stated: int
    removed: int
    unknown: int


def sync_labels(
    samples: Collection,
    graph: GraphClient,
    *,
    name: str | None = None,
    label_field: str | None = None,
    annotator: str | None = None,
) -> Synced:
    """Bring label changes made in FiftyOne into vicinal.

    The field is compared with the labels that the log holds. One that is new or has another class than the
    log's was set by a person since and becomes VERIFIED, and so does one that got the tag "verified", itself
    or its sample; one that is gone is taken back. So calls may be lost, doubled or late. Only labels of
    `samples` and of this annotator are touched. Classes that are new are appended to the dataset's.

    Args:
        samples: the dataset or view.
        graph: of the graph service.
        name: dataset of the graph service; None takes the one that was pushed to. So do those that follow.
        label_field: Classification field with the labels.
        annotator: who states them.

    Raises:
        FiftyOneError: there is no such field, or none was named yet.
        NotFound: UNKNOWN_DATASET, it was never pushed.
    """
    link = linked(samples, name=name, label_field=label_field, annotator=annotator)
    if link.label_field is None:
        raise FiftyOneError(f"no label field is named for the dataset {link.name!r}: give label_field")
    said = statements(samples, link.label_field)
    there = set(graph.list_samples(link.name).ids)
    remember(samples, link)
    unknown = sum(one is not None for sample_id, one in said.items() if sample_id not in there)
    said = {sample_id: one for sample_id, one in said.items() if sample_id in there}
    return Synced(link.name, *state(graph, link, said, Trust.VERIFIED), unknown)


def state(
    graph: GraphClient, link: Link, said: Mapping[str, Statement | None], trust: Trust
) -> tuple[int, int]:
    """Write what the log does not say yet; return how many labels were stated and how many taken back.

    Args:
        graph: of the graph service.
        link: the dataset and the annotator.
        said: what FiftyOne says about each sample; vicinal must hold them all.
        trust: of labels that are new or changed and not confirmed.
    """
    found = difference(said, graph.list_labels(link.name).labels, link.annotator, trust)
    if found.add:
        graph.add_classes(link.name, (label.class_name for label in found.add))
        graph.add_labels(link.name, found.add)
    if found.remove:
        graph.remove_labels(link.name, found.remove)
    return len(found.add), len(found.remove)
