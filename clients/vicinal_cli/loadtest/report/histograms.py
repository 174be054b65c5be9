"""Latency histograms, one strip an operation, over one logarithmic axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from vicinal_cli.loadtest.histogram import Histogram, edge
from vicinal_cli.loadtest.report.svg import Axis, grid_line, text
from vicinal_cli.loadtest.report.words import seconds_of

__all__ = ["histograms"]

_WIDTH, _STRIP, _GAP = 1000, 64, 22
_LEFT, _RIGHT, _BOTTOM = 240, 80, 34
_JOINED = 14
"""Buckets that one bar stands for: 15% of its length."""
_KINDS = ("first", "second")


def histograms(runs: Sequence[Mapping[str, Histogram]]) -> str:
    """Return an <svg> element: for each operation a strip of bars, with marks at p50 and p99.

    Args:
        runs: one or two runs, each operation → latencies; strips are those of the first. A bar's height is
            its share of the run's operations.
    """
    shown = [name for name, found in runs[0].items() if found.count]
    if not shown:
        return ""
    lows, highs = zip(*(_ends(run[name]) for run in runs for name in shown if name in run), strict=True)
    height = len(shown) * (_STRIP + _GAP) + _BOTTOM
    axis = Axis(edge(min(lows)), edge(max(highs)), _LEFT, _WIDTH - _RIGHT, log=True)
    parts = [
        f'<svg class="figure" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Latency histograms">'
    ]
    for tick in axis.ticks():
        x = axis.at(tick)
        parts += [
            grid_line(x, 0, x, height - _BOTTOM),
            text("tick", x, height - 12, seconds_of(tick), "middle"),
        ]
    for place, name in enumerate(shown):
        floor = (place + 1) * (_STRIP + _GAP) - 4
        parts += [
            text("name", _LEFT - 12, floor - 4, name, "end"),
            grid_line(_LEFT, floor, _WIDTH - _RIGHT, floor),
        ]
        found = [(kind, run[name]) for kind, run in zip(_KINDS, runs, strict=False) if name in run]
        tallest = max(max(_bars(one).values(), default=0) / max(1, one.count) for _, one in found)
        for kind, one in found:
            parts += _strip(one, kind, axis, floor, tallest)
    return "\n".join([*parts, "</svg>"])


def _strip(found: Histogram, kind: str, axis: Axis, floor: float, tallest: float) -> list[str]:
    """Return the bars and marks of one run."""
    parts = []
    for bar, count in sorted(_bars(found).items()):
        left, right = (axis.at(edge(_JOINED * at)) for at in (bar, bar + 1))
        tall = max(1.0, _STRIP * count / found.count / tallest)
        what = f"{seconds_of(edge(_JOINED * bar))} to {seconds_of(edge(_JOINED * (bar + 1)))}: {count:,}"
        wide = max(1.0, right - left - 1)
        parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{floor - tall:.1f}" width="{wide:.1f}" '
            f'height="{tall:.1f}"><title>{what}</title></rect>'
        )
    for share, name, anchor in ((0.5, "p50", "end"), (0.99, "p99", "start")):
        value = found.quantile(share)
        if value is not None:
            x = axis.at(value)
            parts.append(
                f'<line class="mark {kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{floor - _STRIP:.1f}" '
                f'y2="{floor:.1f}"><title>{name}: {seconds_of(value)}</title></line>'
            )
            if kind == _KINDS[0]:
                parts.append(text("tick", x, floor - _STRIP - 4, f"{name} {seconds_of(value)}", anchor))
    return parts


def _bars(found: Histogram) -> Counter[int]:
    bars: Counter[int] = Counter()
    for bucket, count in found.buckets.items():
        bars[bucket // _JOINED] += count
    return bars


def _ends(found: Histogram) -> tuple[int, int]:
    """Return the first bucket of the first bar, and the one after the last."""
    bars = _bars(found)
    return _JOINED * min(bars), _JOINED * (max(bars) + 1)
