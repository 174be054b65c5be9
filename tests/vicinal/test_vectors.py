"""Unit vectors, or none."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vicinal.wire.vectors import unit_rows

FEATURES = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 5), st.integers(1, 7)), elements=st.floats(width=32, allow_nan=True)
)


@given(FEATURES)
def test_unit_rows(features: Any) -> None:
    rows = unit_rows(features)
    assert rows.dtype == np.float32
    for feature, row in zip(features.astype(float), rows, strict=True):
        if np.isfinite(feature).all() and feature.any():
            np.testing.assert_allclose(np.linalg.norm(row), 1, atol=1e-6)
            scaled = feature / np.abs(feature).max()
            np.testing.assert_allclose(row, scaled / np.linalg.norm(scaled), atol=1e-6)
        else:
            assert not row.any()
