import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_experiments.errors import ExperimentError
from vicinal_experiments.noise import Noise, asymmetric, named_pairs, nearest_classes, symmetric

SEEDS = st.integers(0, 2**32)


@given(st.integers(2, 12), st.floats(0, 1), SEEDS)
def test_symmetric_noise_is_what_it_says(classes, rate, seed):
    truth = np.random.default_rng(seed).integers(0, classes, 3000).astype(np.int32)
    labels = symmetric(truth, classes, rate, seed)
    assert labels.dtype == np.int32
    assert labels.min() >= 0
    assert labels.max() < classes
    assert abs((labels != truth).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / 3000) + 1e-9
    assert np.array_equal(labels, symmetric(truth, classes, rate, seed))


def test_symmetric_noise_takes_all_other_classes_alike():
    truth = np.zeros(40_000, np.int32)
    counts = np.bincount(symmetric(truth, 5, 1.0, 0), minlength=5)
    assert counts[0] == 0
    assert np.allclose(counts[1:], 10_000, atol=500)


@given(st.floats(0, 1), SEEDS)
def test_asymmetric_noise_mistakes_only_as_the_pairs_say(rate, seed):
    truth = np.arange(3000, dtype=np.int32) % 4
    labels = asymmetric(truth, {0: 3, 2: 1}, rate, seed)
    assert (labels[(truth == 1) | (truth == 3)] == truth[(truth == 1) | (truth == 3)]).all()
    assert set(labels[truth == 0]) <= {0, 3}
    assert set(labels[truth == 2]) <= {2, 1}
    paired = (truth == 0) | (truth == 2)
    assert abs((labels != truth)[paired].mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / 1500) + 1e-9


def test_nearest_classes():
    vectors = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    assert nearest_classes(vectors, np.array([0, 2, 4, 3]), 5) == {0: 2, 2: 0, 3: 4, 4: 3}


def test_named_pairs_may_have_colons_in_the_names():
    assert named_pairs(["a:b:c"], ["a", "b:c"]) == {0: 1}
    for wrong in ("a:a", "a", "a:d"):
        with pytest.raises(ExperimentError, match="no pair"):
            named_pairs([wrong], ["a", "b"])


def test_a_column_is_as_it_is(blobs):
    assert np.array_equal(Noise("human", "column").labels(blobs, 3), blobs.noisy["human"])
