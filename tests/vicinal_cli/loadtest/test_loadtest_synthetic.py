"""Made-up samples: of unit length, the same for the same seed, near to those of their class."""

import numpy as np

from vicinal_cli.loadtest.synthetic import Synthetic


def test_vectors_are_of_unit_length_and_the_same_again():
    one, again, other = Synthetic(16, 4, 1), Synthetic(16, 4, 1), Synthetic(16, 4, 2)
    vectors = one.vectors(100, 180)
    assert vectors.dtype == np.float16
    assert vectors.shape == (80, 16)
    assert np.abs(np.linalg.norm(vectors.astype(np.float32), axis=1) - 1).max() < 1e-2
    assert (vectors == again.vectors(100, 180)).all()
    assert not (vectors == other.vectors(100, 180)).all()
    assert not (vectors == one.vectors(180, 260)).all()


def test_neighbours_are_mostly_of_the_same_class_but_not_always():
    source, count = Synthetic(64, 10), 4_000
    vectors = np.concatenate([source.vectors(at, at + 1_000) for at in range(0, count, 1_000)]).astype(
        np.float32
    )
    near = vectors @ vectors.T
    np.fill_diagonal(near, -1)
    truth = np.array([source.class_of(name) for name in source.ids(0, count)])
    right = (truth[near.argmax(axis=1)] == truth).mean()
    assert 0.8 < right < 0.995


def test_only_its_own_ids_have_a_class():
    source = Synthetic(8, 3)
    assert [source.class_of(name) for name in source.ids(2, 6)] == [2, 0, 1, 2]
    assert [source.class_of(name) for name in ("cat.png", "00000001", "loadtest-", "loadtest-²")] == [
        None
    ] * 4


def test_a_share_is_labelled_first_one_at_least():
    source = Synthetic(8, 3)
    assert len(set(source.labelled(1_000, 0.05))) == 50
    assert len(source.labelled(1_000, 0.0)) == 1
