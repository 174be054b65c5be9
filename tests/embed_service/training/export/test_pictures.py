from __future__ import annotations

import numpy as np

from embed_service.training.export.pictures import pictures


def test_a_seed_draws_the_same_pictures() -> None:
    first, again, other = (np.stack(list(pictures(3, 64, seed))) for seed in (0, 0, 1))
    assert first.shape == (3, 64, 64, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5
    assert (first.reshape(3, -1).std(axis=1) > 0).all()
