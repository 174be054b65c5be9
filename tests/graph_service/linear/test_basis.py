"""The principal components against numpy's singular value decomposition of the same sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_service.index.vectors import VectorTable
from graph_service.linear import basis as module
from graph_service.linear.basis import COMPONENTS, fit_basis


def unit_rows(seed, rows, dimension, decay=0.9):
    """Unit vectors whose variance falls from one direction to the next, around a mean that is not 0."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(dimension, dimension)))[0]
    scales = np.maximum(decay ** np.arange(dimension), 0.05)
    vectors = (rng.normal(size=(rows, dimension)) * scales + 0.5) @ turn
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def by_svd(sample):
    """Directions and features in float64, signs as numpy has them."""
    centred = sample.astype(np.float64) - sample.mean(axis=0, dtype=np.float64)
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    count = min(COMPONENTS, *centred.shape, max(len(sample) - 1, 1))
    features = centred @ rows[:count].T
    return rows[:count].T, features / np.sqrt(np.square(features).sum(axis=1).mean())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(3, 60), dimension=st.integers(2, 40))
def test_features_are_those_of_the_svd(seed, rows, dimension):
    sample = unit_rows(seed, rows, dimension)
    found = fit_basis(sample)
    features = found.project(sample)
    _, expected = by_svd(sample)
    assert features.dtype == found.directions.dtype == found.mean.dtype == np.float32
    # Components of almost no variance may be left out; pairs of equal variance may turn within their plane.
    near = features.astype(float) @ features.T
    np.testing.assert_allclose(near, expected @ expected.T, atol=2e-4)
    assert features.shape[1] <= expected.shape[1]


def test_the_leading_directions_are_those_of_the_svd():
    sample = unit_rows(3, 2000, 200)
    directions, expected = by_svd(sample)
    found = fit_basis(sample)
    features = found.project(sample)
    assert features.shape == (2000, COMPONENTS)
    cosines = (found.directions / np.linalg.norm(found.directions, axis=0)).T @ directions
    assert (np.abs(np.diag(cosines))[:10] > 1 - 1e-4).all()
    signs = np.sign(np.diag(cosines))[:10]
    np.testing.assert_allclose(features[:, :10], expected[:, :10] * signs, atol=2e-3)


@pytest.mark.parametrize(("rows", "dimension"), [(500, 30), (500, 300), (20, 300)])
def test_directions_are_orthogonal_and_features_have_a_mean_squared_norm_of_one(rows, dimension):
    sample = unit_rows(1, rows, dimension)
    found = fit_basis(sample)
    gram = found.directions.T.astype(float) @ found.directions
    np.testing.assert_allclose(gram / gram[0, 0], np.eye(len(gram)), atol=1e-4)
    features = found.project(sample)
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.square(features).sum(axis=1).mean(), 1, rtol=1e-4)
    variances = features.var(axis=0)
    assert (np.diff(variances) <= 1e-6).all()  # the leading one first


def test_features_do_not_depend_on_the_signs_that_the_library_gives(monkeypatch):
    sample = unit_rows(2, 300, 20)
    plain = fit_basis(sample)
    eigh = module.eigh

    def other_signs(*args, **kwargs):
        values, directions = eigh(*args, **kwargs)
        return values, directions * np.where(np.arange(directions.shape[1]) % 2, -1, 1)

    monkeypatch.setattr(module, "eigh", other_signs)
    np.testing.assert_array_equal(fit_basis(sample).directions, plain.directions)


def test_blocks_equal_one_product(monkeypatch):
    vectors = unit_rows(4, 1000, 30)
    found = fit_basis(vectors[:200])
    whole = (vectors.astype(float) - found.mean) @ found.directions
    np.testing.assert_allclose(found.project(vectors), whole, atol=1e-5)
    monkeypatch.setattr(module, "_BLOCK", 7)
    np.testing.assert_allclose(found.project(vectors), whole, atol=1e-5)
    assert found.project(vectors[:0]).shape == (0, 30)
    table = VectorTable(30)
    table.put(np.arange(1000, dtype=np.int32), vectors)
    rows = np.arange(998, -1, -3, dtype=np.int32)
    np.testing.assert_allclose(found.project(table.freeze(1000), rows), whole[rows], atol=5e-3)
    np.testing.assert_allclose(found.project(vectors, rows), whole[rows], atol=1e-5)


@pytest.mark.parametrize("dimension", [1, 4, 500])
@pytest.mark.parametrize("rows", [1, 2, 50])
def test_equal_vectors_have_one_feature_that_stays_small(rows, dimension):
    others = unit_rows(5, 30, dimension)
    found = fit_basis(np.repeat(others[:1], rows, axis=0))
    assert found.directions.shape == (dimension, 1)
    features = found.project(others)
    with np.errstate(over="raise"):
        assert np.isfinite(np.square(features)).all()  # what learns from them squares them
    own = found.project(np.repeat(others[:1], rows, axis=0))
    assert np.abs(own).max() < 10


@pytest.mark.parametrize(("rows", "kept"), [(2, 1), (5, 4)])
def test_fewer_vectors_than_dimensions(rows, kept):
    sample = unit_rows(6, rows, 64)
    found = fit_basis(sample)
    assert found.directions.shape == (64, kept)
    near = found.project(sample)
    centred = sample - sample.mean(axis=0)
    scale = np.square(centred).sum(axis=1).mean()
    np.testing.assert_allclose(near @ near.T, centred @ centred.T / scale, atol=1e-4)


def test_directions_without_variance_are_left_out():
    sample = np.zeros((40, 12), np.float32)
    sample[:, :3] = unit_rows(7, 40, 3)
    assert fit_basis(sample).directions.shape == (12, 3)
