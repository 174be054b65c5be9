"""The curve's past: bounded, and true to its ends."""

from hypothesis import given
from hypothesis import strategies as st

from vicinal_page.curve import Curve, Point


@given(st.lists(st.integers(0, 60)), st.integers(4, 12))
def test_it_rises_and_stays_short(numbers, most):
    curve = Curve(most)
    for labels in numbers:
        curve.add(Point(labels, labels / 60))
        points = [point.labels for point in curve.points]
        assert points == sorted(set(points))
        assert len(points) <= most
        assert points[-1] == labels


@given(st.integers(1, 2000))
def test_where_it_began_is_kept(count):
    curve = Curve(16)
    for labels in range(count):
        curve.add(Point(labels, 0.5))
    points = [point.labels for point in curve.points]
    assert (points[0], points[-1]) == (0, count - 1)
    assert len(points) >= min(count, 8)


def test_of_equal_numbers_of_labels_the_last_stays():
    curve = Curve()
    curve.add(Point(3, 0.1))
    curve.add(Point(3, 0.2))
    assert curve.points == (Point(3, 0.2),)
