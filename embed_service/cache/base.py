"""What the service asks of a cache of vectors."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Vector", "VectorCache"]

Vector = npt.NDArray[np.float32]
"""float32 (dimension,) of length 1."""


class VectorCache(Protocol):
    """Vectors by encoder and content, within a bound in bytes; safe to call from many threads.

    What was put or got least recently goes first. A cache may forget anything at any time and never raises:
    what it cannot read it does not have.
    """

    def get(self, digest: str, content_sha256: bytes, /) -> Vector | None:
        """Return the vector that was put, bit for bit and not to be written to, or None.

        Args:
            digest: of the encoder.
            content_sha256: of the image's bytes, 32 bytes.
        """
        ...

    def put(self, digest: str, content_sha256: bytes, vector: Vector, /) -> None:
        """Remember `vector` if it fits; a copy is made and nothing is waited for."""
        ...

    def close(self) -> None:
        """Finish what is to be finished; afterwards there is nothing to get and puts are dropped."""
        ...
