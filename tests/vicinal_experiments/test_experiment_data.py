import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal_experiments.data import checked, split
from vicinal_experiments.errors import ExperimentError

VECTORS = np.random.default_rng(0).normal(size=(30, 5))
TRUTH = np.arange(30) % 3


def test_vectors_get_unit_length_and_classes_names():
    data = checked(VECTORS.astype(np.float16), TRUTH)
    assert np.allclose(np.linalg.norm(data.vectors, axis=1), 1, atol=1e-6)
    assert data.classes == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("vectors", "truth", "classes", "why"),
    [
        (VECTORS, TRUTH[:-1], (), "one a vector"),
        (VECTORS, TRUTH.astype(float), (), "class indices"),
        (VECTORS, TRUTH - 1, (), "between 0"),
        (VECTORS, TRUTH, ("a", "b"), "between 0 and 1"),
        (VECTORS, np.zeros(30, int), (), "at least"),
        (VECTORS[:10], TRUTH[:10], (), "at least"),
        (np.where(np.arange(30)[:, None] == 7, 0, VECTORS), TRUTH, (), "vector 7 "),
        (np.where(np.arange(30)[:, None] == 4, np.nan, VECTORS), TRUTH, (), "vector 4 "),
    ],
)
def test_what_cannot_be_experimented_on_is_refused(vectors, truth, classes, why):
    with pytest.raises(ExperimentError, match=why):
        checked(vectors, truth, classes)


@given(st.floats(0, 0.9))
def test_a_split_parts_the_samples(held_out):
    data = checked(VECTORS, TRUTH, noisy={"human": TRUTH[::-1].copy()})
    parts = split(data, held_out)
    assert len(parts.outside) == round(held_out * 30)
    both = np.concatenate([parts.inside.vectors, parts.outside.vectors])
    assert sorted(map(tuple, both.tolist())) == sorted(map(tuple, data.vectors.tolist()))
    assert len(parts.inside.noisy["human"]) == len(parts.inside)


def test_the_digest_tells_data_apart():
    one = checked(VECTORS, TRUTH)
    assert one.digest() == checked(VECTORS, TRUTH).digest()
    others = [
        checked(VECTORS[::-1], TRUTH),
        checked(VECTORS, TRUTH[::-1].copy()),
        checked(VECTORS, TRUTH, ["a", "b", "c"]),
        checked(VECTORS, TRUTH, noisy={"human": TRUTH}),
    ]
    assert len({one.digest(), *(other.digest() for other in others)}) == 5
