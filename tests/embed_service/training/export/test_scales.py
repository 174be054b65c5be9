from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from embed_service.training.export.scales import channel_scales

Weight = npt.NDArray[np.float32]

shapes = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(2, 9)),
    st.tuples(st.integers(1, 5), st.integers(2, 9), st.just(1), st.just(1)),
    st.tuples(st.integers(1, 5), st.integers(2, 3), st.just(3), st.just(3)),
)
values = st.floats(-100, 100, width=32, allow_subnormal=False)


@given(shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=values)))
def test_neighbours_cannot_saturate_16_bits(weight: Weight) -> None:
    rows = np.round(weight.reshape(len(weight), -1) / channel_scales(weight)[:, None])
    assert np.abs(rows).max() <= 127
    # Whichever of two weights meet large activations: both, one or none.
    for left, right in zip(rows.T[0::2], rows.T[1::2], strict=False):
        sums = np.stack([np.zeros(len(rows)), left, right, left + right]) * 255
        assert sums.min() >= -32768
        assert sums.max() <= 32767


@given(shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=values)))
def test_never_coarser_than_seven_bits(weight: Weight) -> None:
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    assert (channel_scales(weight) <= np.maximum(largest / 63.5, 1e-8) * (1 + 1e-6)).all()


def test_a_lone_large_weight_keeps_eight_bits() -> None:
    weight = np.array([1.0, -0.9, 0.1, 0.2], np.float32).reshape(1, 4, 1, 1)
    assert channel_scales(weight) == pytest.approx(1 / 127)


def test_depthwise_weights_keep_eight_bits() -> None:
    assert channel_scales(np.ones((2, 1, 3, 3), np.float32)) == pytest.approx([1 / 127] * 2)
