"""The classifier's kernels against numpy in float64: all widths, rests of eight rows, one core and all."""

import numpy as np
import pytest
from scipy.special import softmax

from graph_service.linear import kernel
from graph_service.linear.classifier import Lesson, logits
from graph_service.linear.panels import NEVER, Panels
from graph_service.propagation.lanes import lane_rows

CLASSES = [1, 2, 15, 16, 17, 48, 65, 130]


def numbers(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 50])
@pytest.mark.parametrize("width", [1, 13])
def test_logits(rows, width, classes):
    features, coefficients = numbers(1, rows, width), numbers(2, width + 1, classes)
    found = logits(features, coefficients)
    expected = np.column_stack([features, np.ones(rows)]) @ coefficients.astype(float)
    assert found.shape == lane_rows(rows, classes).shape
    np.testing.assert_allclose(found[:, :classes], expected, atol=1e-5)
    assert (found[:, classes:] <= NEVER / 2).all()


def test_features_of_any_layout():
    features, coefficients = numbers(1, 20, 6), numbers(2, 7, 3)
    expected = logits(features, coefficients)
    np.testing.assert_array_equal(logits(np.asfortranarray(features), coefficients), expected)
    np.testing.assert_array_equal(logits(np.repeat(features, 2, axis=0)[::2], coefficients), expected)


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("all_cores", [True, False])
def test_gradients(classes, all_cores):
    features, coefficients, weights = numbers(3, 48, 9), numbers(4, 10, classes), np.abs(numbers(5, 48))
    targets = lane_rows(48, classes)
    targets[:, :classes] = softmax(numbers(6, 48, classes), axis=1)
    panels = Panels(10, classes)
    found = []
    for count in (1, 4, 16):
        parts = lane_rows(count * len(panels.rows), 16)
        parts[:] = np.nan
        room = lane_rows(8 * count, classes)
        kernel.gradients(features, panels.take(coefficients), targets, weights, room, parts, all_cores)
        found.append(panels.total(parts))
    x = np.column_stack([features, np.ones(48)])
    errors = softmax(x @ coefficients.astype(float), axis=1) - targets[:, :classes]
    for each in found:
        assert each.shape == coefficients.shape
        np.testing.assert_allclose(each, x.T @ (weights[:, np.newaxis] * errors), atol=2e-5)


@pytest.mark.parametrize("rows", [1, 7, 8, 100])
def test_whoever_shares_the_work_the_lesson_is_the_same(monkeypatch, rows):
    lesson = Lesson(numbers(7, rows, 6), np.abs(numbers(8, rows)))
    targets = softmax(numbers(9, rows, 5), axis=1)
    learnt = lesson.learn(targets)
    monkeypatch.setattr(kernel, "_WORTH_ALL_CORES", 0)
    np.testing.assert_array_equal(lesson.learn(targets), learnt)


def test_a_lesson_forgets_what_it_taught():
    lesson = Lesson(numbers(10, 40, 6), np.ones(40, np.float32))
    first, second = (softmax(numbers(seed, 40, 5), axis=1) for seed in (11, 12))
    learnt = lesson.learn(first)
    lesson.learn(second)
    np.testing.assert_array_equal(lesson.learn(first), learnt)
