"""The accuracy curve as an inline SVG, coloured by the page's style sheet."""

from __future__ import annotations

from collections.abc import Sequence

from vicinal_cli.demo.findings import Spread
from vicinal_cli.demo.play import Point

__all__ = ["curve"]

_WIDTH, _HEIGHT = 720, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 118, 14, 40
_LABEL_GAP = 16
"""Least distance between the two names at the lines' ends, in pixels."""


class _Plane:
    """Where labels and accuracies lie on the drawing."""

    def __init__(self, most_labels: int) -> None:
        self.most = most_labels

    def x(self, labels: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * labels / self.most

    def y(self, accuracy: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - accuracy)

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(labels):.1f},{self.y(accuracy):.1f}" for labels, accuracy in points)


def curve(suggested: Sequence[Point], random: Sequence[Spread]) -> str:
    """Return an <svg> element: accuracy over labels, with the control's mean and range.

    Args:
        suggested: at least one point.
        random: at least one spread.
    """
    plane = _Plane(max(suggested[-1].labels, random[-1].labels))
    ours = [(point.labels, point.accuracy) for point in suggested]
    means = [(spread.labels, spread.mean) for spread in random]
    band = [(spread.labels, spread.high) for spread in random]
    band += [(spread.labels, spread.low) for spread in reversed(random)]
    ends = _apart(plane.y(ours[-1][1]), plane.y(means[-1][1]))
    return "\n".join(
        [
            f'<svg class="curve" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            'aria-label="Accuracy on the unlabelled images over the number of labels">',
            *_grid(plane),
            f'<polygon class="band" points="{plane.path(band)}"/>',
            *_line(plane, "random", means),
            *_line(plane, "suggested", ours),
            _text("name suggested", plane.x(ours[-1][0]) + 12, ends[0], "suggested"),
            _text("name random", plane.x(means[-1][0]) + 12, ends[1], "at random"),
            "</svg>",
        ]
    )


def _grid(plane: _Plane) -> list[str]:
    right = plane.x(plane.most)
    parts = []
    for percent in range(0, 101, 20):
        y = plane.y(percent / 100)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text("tick", _LEFT - 8, y + 4, f"{percent}%", "end"))
    numbers = range(0, plane.most + 1, max(1, plane.most // 5))
    parts += [_text("tick", plane.x(labels), _HEIGHT - 20, str(labels), "middle") for labels in numbers]
    return [*parts, _text("tick", (plane.x(0) + right) / 2, _HEIGHT - 3, "labels", "middle")]


def _text(kind: str, x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _line(plane: _Plane, name: str, points: Sequence[tuple[float, float]]) -> list[str]:
    dots = [
        f'<circle class="{name}" cx="{plane.x(labels):.1f}" cy="{plane.y(accuracy):.1f}" r="4">'
        f"<title>{labels:.0f} labels: {accuracy:.1%}</title></circle>"
        for labels, accuracy in points
    ]
    return [f'<polyline class="{name}" points="{plane.path(points)}"/>', *dots]


def _apart(first: float, second: float) -> tuple[float, float]:
    """Return the two heights, moved apart until names written there can both be read."""
    lack = _LABEL_GAP - abs(first - second)
    if lack > 0:
        up, down = -lack / 2, lack / 2
        first, second = (first + up, second + down) if first <= second else (first + down, second + up)
    return first + 4, second + 4
