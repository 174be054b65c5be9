"""What became of one image, and where its time went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vicinal.imaging.refusals import ImageRefused

__all__ = ["Outcome", "Timing"]


@dataclass(frozen=True)
class Timing:
    """Where the time went, in seconds.

    Attributes:
        queue: from arrival until its batch went to the encoder, decoding not included.
        decode: decoding and preprocessing.
        inference: the encoder's run of the batch it was in; zero when the vector was cached.
    """

    queue: float = 0.0
    decode: float = 0.0
    inference: float = 0.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of one image: a vector or a refusal.

    Attributes:
        content_sha256: digest of the image's bytes as sent, 32 bytes.
        timing: where the time went.
        vector: float32 (dimension,) of length 1, or None.
        refusal: why there is no vector, or None.
        cached: the vector was kept from an earlier call.
    """

    content_sha256: bytes
    timing: Timing
    vector: npt.NDArray[np.float32] | None = None
    refusal: ImageRefused | None = None
    cached: bool = False
