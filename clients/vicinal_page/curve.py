"""How sure and how right the beliefs were after so many labels: a history of bounded length."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Curve", "Point"]

_MOST = 256


@dataclass(frozen=True)
class Point:
    """The beliefs after some labels.

    Attributes:
        labels: verified labels.
        sure: share of samples whose belief is sure, 0 to 1.
        estimate: estimated share of right beliefs, 0 to 1; None before the first audited sample.
        lower: lower end of its interval.
        upper: upper end of its interval.
    """

    labels: int
    sure: float
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None


class Curve:
    """Points in the order in which they were made; of equal numbers of labels the last stays.

    Args:
        most: points kept, at least 4; beyond that every second one goes, never the first or the last.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._points: list[Point] = []

    @property
    def points(self) -> tuple[Point, ...]:
        """The points, by rising number of labels."""
        return tuple(self._points)

    def add(self, point: Point) -> None:
        """Take in the newest point. Where labels were taken back, the points beyond it go."""
        while self._points and self._points[-1].labels >= point.labels:
            self._points.pop()
        self._points.append(point)
        if len(self._points) > self._most:
            self._points = [*self._points[:-1:2], self._points[-1]]
