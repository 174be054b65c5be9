"""Random numbers by address instead of in sequence.

What an image's view looks like must not depend on which images came before it, on how many processes share
the work, or on whether the run was interrupted. So each number is a hash of where it is used: a counter-based
generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), with the mixing function of
SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["uniforms"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniforms(
    seed: int, epoch: int, view: int, indices: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.float32]:
    """Return float32 (n, count), uniform in [0, 1): row i belongs to image `indices[i]`.

    Args:
        seed: of the run, 0…2⁶³ − 1.
        epoch: how often the images were gone through before, at least 0.
        view: which view of the image, at least 0.
        indices: numbers of images (n,), at least 0.
        count: numbers wanted for each.
    """
    state: npt.NDArray[np.uint64] = np.zeros(len(indices), dtype=np.uint64)
    for part in (seed, epoch, view, indices):
        state = _mixed(state ^ np.asarray(part, dtype=np.uint64))
    draws = _mixed(state[:, None] + _GOLDEN * np.arange(1, count + 1, dtype=np.uint64))
    return (draws >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)


def _mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    bits = bits + _GOLDEN
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
