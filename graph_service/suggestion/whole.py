"""Cosines in whole numbers, which come out the same however the sum is taken."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph_service.suggestion.compiled import compiled

__all__ = ["products", "whole"]

Float32 = npt.NDArray[np.float32]

_LENGTH = 4000
"""Products of two rows stay below 2²⁴, and every sum of whole numbers up to there is exact in float32."""


def whole(features: Float32) -> Float32:
    """Return the rows at length 4,000, rounded to whole numbers; rows of zeros stay.

    Their products are 16 million cosines, good to some 10⁻⁴, and do not depend on how a product of matrices
    is blocked: what was kept of an earlier product equals what another would give.

    Args:
        features: float32 (m, p), p at most 30,000.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    rows: Float32 = np.divide(features, lengths / _LENGTH, out=np.zeros_like(features), where=lengths > 0)
    return np.rint(rows, out=rows)


@compiled
def products(rows: Float32, columns: Float32) -> Float32:
    """Return the product of whole rows (m, p) and whole columns (p, s): float32 (m, s), exact.

    Not by a library: its threads spin for cores that others use, and take ten times as long.
    """
    made = np.zeros((len(rows), columns.shape[1]), np.float32)
    fours = columns.shape[0] // 4 * 4
    for i in range(len(rows)):
        row, sums = rows[i], made[i]
        for f in range(0, fours, 4):
            a, b, c, d = row[f], row[f + 1], row[f + 2], row[f + 3]
            first, second, third, fourth = columns[f], columns[f + 1], columns[f + 2], columns[f + 3]
            for j in range(len(sums)):
                sums[j] += (a * first[j] + b * second[j]) + (c * third[j] + d * fourth[j])
        for f in range(fours, columns.shape[0]):
            for j in range(len(sums)):
                sums[j] += row[f] * columns[f, j]
    return made
