"""What a dataset holds, as lists of one revision, and what was put into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vicinal_client._embed_types import ImageError
from vicinal_client._graph_types import Label

__all__ = ["AddedImages", "Labels", "Samples"]


@dataclass(frozen=True)
class AddedImages:
    """What came of adding images.

    Attributes:
        ids: the samples that were written.
        refused: sample id → why that image has no vector.
    """

    ids: tuple[str, ...]
    refused: Mapping[str, ImageError]


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
