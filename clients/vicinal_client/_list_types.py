"""What a dataset holds, as lists of one revision."""

from __future__ import annotations

from dataclasses import dataclass

from vicinal_client._graph_types import Label

__all__ = ["Labels", "Samples"]


@dataclass(frozen=True)
class Samples:
    """Samples in order of arrival.

    Attributes:
        revision: the revision they belong to.
        ids: the n samples.
        content_sha256: SHA-256 of each one's image (32 bytes), or empty where it was added without.
    """

    revision: int
    ids: tuple[str, ...]
    content_sha256: tuple[bytes, ...]


@dataclass(frozen=True)
class Labels:
    """Every label of every annotator, in order of their samples' arrival.

    Attributes:
        revision: the revision they belong to.
        labels: the labels.
    """

    revision: int
    labels: tuple[Label, ...]
