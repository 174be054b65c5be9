"""What happened second by second, as panels over one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vicinal_cli.loadtest.report.svg import Axis, grid_line, polyline, text
from vicinal_cli.loadtest.report.words import number, seconds_of

__all__ = ["Line", "Panel", "timeline"]

_WIDTH, _HEIGHT, _GAP = 960, 110, 34
_LEFT, _RIGHT, _BOTTOM = 70, 20, 34


@dataclass(frozen=True)
class Line:
    """One value over time.

    Attributes:
        name: shown beside the panel's title.
        kind: class of the style sheet.
        points: (seconds, value).
    """

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """Values of one unit over time.

    Attributes:
        title: what they are.
        lines: may be empty of points.
        log: whether they are durations on a logarithmic axis; else the axis begins at 0.
    """

    title: str
    lines: Sequence[Line]
    log: bool = False


def timeline(panels: Sequence[Panel], seconds: float) -> str:
    """Return an <svg> element: the panels that have points, one below the other."""
    shown = [panel for panel in panels if any(line.points for line in panel.lines)]
    height = len(shown) * (_HEIGHT + _GAP) + _BOTTOM
    time = Axis(0.0, max(seconds, 1e-3), _LEFT, _WIDTH - _RIGHT)
    parts = [
        f'<svg class="figure" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="The load over time">'
    ]
    for place, panel in enumerate(shown):
        parts += _panel(panel, time, (place + 1) * (_HEIGHT + _GAP))
    floor = len(shown) * (_HEIGHT + _GAP)
    for tick in time.ticks(10):
        parts.append(text("tick", time.at(tick), floor + 18, f"{tick:g} s", "middle"))
    return "\n".join([*parts, "</svg>"])


def _panel(panel: Panel, time: Axis, floor: float) -> list[str]:
    values = [value for line in panel.lines for _, value in line.points]
    high = max(values)
    if panel.log:
        low = max(min(values), 1e-6)
        axis = Axis(0.8 * low, max(1.25 * high, 2 * low), floor, floor - _HEIGHT, log=True)
    else:
        axis = Axis(0.0, 1.1 * high or 1.0, floor, floor - _HEIGHT)
    parts = []
    for tick in axis.ticks(4):
        y = axis.at(tick)
        label = seconds_of(tick) if panel.log else number(tick) if tick % 1 else f"{tick:,.0f}"
        parts += [grid_line(_LEFT, y, _WIDTH - _RIGHT, y), text("tick", _LEFT - 8, y + 4, label, "end")]
    parts.append(text("name", _LEFT, floor - _HEIGHT - 8, panel.title))
    x = _LEFT + 8.0 * len(panel.title) + 16
    for line in panel.lines:
        parts.append(polyline(line.kind, [(time.at(at), axis.at(value)) for at, value in line.points]))
        if len(panel.lines) > 1:
            parts.append(text(f"key {line.kind}", x, floor - _HEIGHT - 8, line.name))
            x += 8.0 * len(line.name) + 18
    return parts
