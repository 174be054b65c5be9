"""The products of the classifier, fused with what is done to them.

Coefficients come in *panels*: sixteen classes after one another, each (p + 1, 16), the intercepts last. So
what one pass over the features reads lies together in the cache, however many classes there are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from graph_service.linear.blocks import (
    HEIGHT,
    WIDTH,
    add_folded,
    add_outer,
    load_rows,
    repeated,
    store_rows,
)
from graph_service.propagation.lane_functions import exp_of, greatest
from graph_service.propagation.lanes import add_scaled, load, store, total, zeros
from graph_service.propagation.parallel import parallel

__all__ = ["gradients", "products"]

Float32 = npt.NDArray[np.float32]

_ONES = np.ones((HEIGHT, 1), np.float32)
_WORTH_ALL_CORES = 2**24
"""Multiplications that take a core as long, some 0.3 ms, as a few wakings up of the others may."""


@parallel
def products(features: Float32, panels: Float32, out: Float32) -> None:
    """Write [features 1] · coefficients to `out`; O(m p C).

    Args:
        features: (m, p), contiguous.
        panels: the coefficients.
        out: (m, width), as `lane_rows` makes them.
    """
    whole = len(features) // HEIGHT
    for group in prange(whole):
        _multiply_rows(features, panels, group * HEIGHT, out, group * HEIGHT)
    height = features.shape[1] + 1
    for i in range(whole * HEIGHT, len(features)):
        for panel in range(out.shape[1] // WIDTH):
            row = load(panels, (panel + 1) * height - 1, 0, WIDTH)
            for p in range(height - 1):
                row = add_scaled(row, features[i, p], load(panels, panel * height + p, 0, WIDTH))
            store(out, i, panel * WIDTH, row)


def gradients(
    features: Float32,
    panels: Float32,
    targets: Float32,
    weights: Float32,
    room: Float32,
    parts: Float32,
    all_cores: bool | None = None,
) -> None:
    """Write the gradient of Σ_i w_i H(target_i, softmax([x_i 1] W)) to `parts`, as panels to be added up.

    The number of parts is the caller's, whatever the number of cores: so the sum does not depend on it.
    O(m p C).

    Args:
        features: (m, p), contiguous; m a multiple of 8.
        panels: W, far below 0 in the intercepts of the columns beyond the classes.
        targets: (m, width), as `lane_rows` makes them.
        weights: (m,).
        room: (8 · parts, width), as `lane_rows` makes them; overwritten.
        parts: (parts · len(panels), 16), as `lane_rows` makes them; overwritten.
        all_cores: whether all share the work; if not said, where that is worth it.
    """
    if all_cores is None:
        all_cores = features.size * targets.shape[1] >= _WORTH_ALL_CORES
    run = _gradients if all_cores else _gradients_alone
    run(features, panels, targets, weights, _ONES, room, parts)


@parallel
def _gradients(
    features: Float32, panels: Float32, targets: Float32, weights: Float32, ones: Float32, room: Float32,
    parts: Float32,
) -> None:  # fmt: skip
    for part in prange(len(parts) // len(panels)):
        _add_part(features, panels, targets, weights, ones, room, parts, part)


@njit(nogil=True, cache=True, error_model="numpy")
def _gradients_alone(
    features: Float32, panels: Float32, targets: Float32, weights: Float32, ones: Float32, room: Float32,
    parts: Float32,
) -> None:  # fmt: skip
    for part in range(len(parts) // len(panels)):
        _add_part(features, panels, targets, weights, ones, room, parts, part)


@njit(inline="always", error_model="numpy")
def _add_part(
    features: Float32, panels: Float32, targets: Float32, weights: Float32, ones: Float32, room: Float32,
    parts: Float32, part: int,
) -> None:  # fmt: skip
    """Write one part of the gradient."""
    count, groups = len(parts) // len(panels), len(features) // HEIGHT
    height = features.shape[1] + 1
    for i in range(part * len(panels), (part + 1) * len(panels)):
        store(parts, i, 0, zeros(WIDTH))
    for group in range(part * groups // count, (part + 1) * groups // count):
        first, own = group * HEIGHT, part * HEIGHT
        _multiply_rows(features, panels, first, room, own)
        for r in range(HEIGHT):
            _err(room, own + r, targets, first + r, weights)
        for panel in range(targets.shape[1] // WIDTH):
            errors = load_rows(room, own, panel * WIDTH)
            start = part * len(panels) + panel * height
            for p in range(height - 1):
                sums = load(parts, start + p, 0, WIDTH)
                store(parts, start + p, 0, add_folded(sums, features, first, p, errors))
            sums = load(parts, start + height - 1, 0, WIDTH)
            store(parts, start + height - 1, 0, add_folded(sums, ones, 0, 0, errors))


@njit(inline="always", error_model="numpy")
def _multiply_rows(features: Float32, panels: Float32, first: int, out: Float32, to: int) -> None:
    """Write the products of eight rows of features to eight rows of `out`."""
    height = features.shape[1] + 1
    for panel in range(out.shape[1] // WIDTH):
        block = repeated(load(panels, (panel + 1) * height - 1, 0, WIDTH))
        for p in range(height - 1):
            block = add_outer(block, features, first, p, load(panels, panel * height + p, 0, WIDTH))
        store_rows(out, to, panel * WIDTH, block)


@njit(inline="always", error_model="numpy")
def _err(rows: Float32, row: int, targets: Float32, node: int, weights: Float32) -> None:
    """Make of a row of logits its softmax, less the target, times the weight."""
    top, width = np.float32(-np.inf), rows.shape[1]
    for column in range(0, width, WIDTH):
        top = max(top, greatest(load(rows, row, column, WIDTH)))
    powers = np.float32(0)
    for column in range(0, width, WIDTH):
        power = exp_of(load(rows, row, column, WIDTH), top)
        store(rows, row, column, power)
        powers += total(power)
    weight = weights[node]
    for column in range(0, width, WIDTH):
        error = add_scaled(zeros(WIDTH), weight / powers, load(rows, row, column, WIDTH))
        store(rows, row, column, add_scaled(error, -weight, load(targets, node, column, WIDTH)))
