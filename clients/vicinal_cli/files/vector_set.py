"""Vectors with their ids, between a file and the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

__all__ = ["VectorSet"]


@dataclass(frozen=True, eq=False)
class VectorSet:
    """n vectors.

    Attributes:
        ids: distinct ids; empty where the file has none.
        vectors: floating-point (n, d).
        content_sha256: 32 bytes a vector, or None when not known.
        encoder_digest: 64 hex digits, or empty when not known.
    """

    ids: Sequence[str]
    vectors: npt.NDArray[Any]
    content_sha256: Sequence[bytes] | None = None
    encoder_digest: str = ""
