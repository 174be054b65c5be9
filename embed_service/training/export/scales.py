"""Scales for 8-bit weights with which no CPU saturates.

An x86 CPU without VNNI multiplies 8-bit numbers with VPMADDUBSW, which adds two neighbouring products in 16
bits and saturates: an unsigned activation (≤ 255) times a signed weight, twice, fits only while the two
weights add up to 128 at most. Full-range weights exceed that, and the same file then gives other vectors
(measured on the starter encoder: mean cosine 0.85 between CPUs). The usual cure, 7-bit weights, costs
accuracy in every channel. Here each output channel gets the finest scale at which no neighbouring pair can
saturate: most keep nearly 8 bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["channel_scales"]

_LARGEST = 127
# Two roundings may add one: 127 + 1 = 128 still fits.
_LARGEST_PAIR = 127
# A dead channel has no weights; any positive scale serves.
_SMALLEST_SCALE = 1e-8


def channel_scales(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The finest scale of each output channel at which its int8 weights cannot saturate 16-bit sums.

    Args:
        weight: A linear map's weights (out, in), or a convolution's (out, in / groups, height, width).

    Returns:
        float32 (out,), positive. With q = round(weight / scale): |q| ≤ 127 and, except in depthwise
        convolutions (whose kernels add up in 32 bits), neighbours along the flattened inputs add up to
        −128 … 128.
    """
    rows = np.abs(weight.reshape(len(weight), -1))
    scale = np.maximum(rows.max(axis=1) / _LARGEST, _SMALLEST_SCALE)
    if weight.shape[1] > 1:
        scale = np.maximum(scale, _largest_pair(weight) / _LARGEST_PAIR)
    return np.asarray(scale, dtype=np.float32)


def _largest_pair(weight: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Largest magnitude (out,) of a sum of two weights of one sign that one instruction may add."""
    rows = weight.reshape(len(weight), -1)
    if any(side > 1 for side in weight.shape[2:]):
        # The order in which a k × k kernel is flattened is the runtime's affair: any two may meet.
        return np.asarray(2 * np.abs(rows).max(axis=1))
    pairs = np.pad(rows, ((0, 0), (0, rows.shape[1] % 2))).reshape(len(rows), -1, 2)
    positive, negative = (np.maximum(sign * pairs, 0).sum(axis=2).max(axis=1) for sign in (1, -1))
    return np.asarray(np.maximum(positive, negative))
