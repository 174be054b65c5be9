"""Where the App finds the services, and what it does with them again and again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from vicinal_client import EmbedClient, GraphClient
from vicinal_fiftyone.link import Collection, linked, root_of
from vicinal_fiftyone.pulling import Pulled, pull
from vicinal_fiftyone.stating import sync_labels

__all__ = ["embed_client", "graph_client", "refresh", "refreshed", "told"]

_TIMEOUT = 120.0
"""Seconds for one request: large datasets take their time to propagate."""
_AUDIT_SHARE = 0.1
"""Share of the samples to label that is drawn at random: without them the panel knows no accuracy."""


@contextmanager
def graph_client() -> Iterator[GraphClient]:
    """Yield a client of the graph service at `VICINAL_GRAPH`, or where `vicinal up` starts it."""
    with GraphClient(os.environ.get("VICINAL_GRAPH", "127.0.0.1:50052"), timeout=_TIMEOUT) as client:
        yield client


@contextmanager
def embed_client() -> Iterator[EmbedClient]:
    """Yield a client of the embedding service at `VICINAL_EMBED`, or where `vicinal up` starts it."""
    with EmbedClient(os.environ.get("VICINAL_EMBED", "127.0.0.1:50051"), timeout=_TIMEOUT) as client:
        yield client


def refreshed(samples: Collection, graph: GraphClient) -> Pulled:
    """Write what vicinal knows into the whole dataset."""
    return pull(root_of(samples), graph, audit_share=_AUDIT_SHARE)


def refresh(samples: Collection, graph: GraphClient) -> Pulled:
    """Bring label changes of `samples` into vicinal, then what follows from them into the whole dataset."""
    if linked(samples).label_field is not None:
        sync_labels(samples, graph)
    return refreshed(samples, graph)


def told(pulled: Pulled) -> str:
    """Return what a pull found, in one line."""
    return (
        f"{pulled.believed} samples have a belief; {pulled.ranked} to label next, "
        f"{pulled.suspected} suspected errors, {pulled.near_duplicates} near duplicates"
    )
