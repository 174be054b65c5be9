"""Figures as SVG: mean lines with bands of one standard deviation, bars, reliability diagrams."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vicinal_experiments.peers.choice import PEERS
from vicinal_experiments.report.series import OURS, Panel, methods_of

__all__ = ["bars", "diagram", "lines"]

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vicinal",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e1da",
    "axes.axisbelow": True,
}
_DEFAULT = "#1f6fb5"
_SERVICE = ("#b8651b", "#8a8378", "#e0a458", "#3f5f8a", "#7fae8f", "#94455e", "#c9b39b")
_PEERS = ("#2e7d4f", "#8a4fb0", "#b3261e", "#00838f", "#a0892c", "#c2578b", "#444444", "#6b8e23")
"""A colour for each of `PEERS`: a method has one colour in all figures where it stands beside others."""


def lines(one: Panel, *, x: str, y: str, log: bool = False) -> str:
    """Return the panel's means over its levels, each with a band of ± one standard deviation.

    Args:
        one: shares, shown in percent.
        x: what the levels are.
        y: what the values are.
        log: whether the levels' axis is logarithmic.
    """
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(7.6, 4.4)
        for colour, (method, levels) in zip(_colours(one.methods), one.cells.items(), strict=False):
            at = list(levels)
            means = [100 * levels[level].mean for level in at]
            spreads = [100 * levels[level].spread for level in at]
            width = 2.6 if method in OURS else 1.4
            axes.plot(at, means, color=colour, linewidth=width, marker="o", markersize=3.5, label=method)
            low = [mean - spread for mean, spread in zip(means, spreads, strict=True)]
            high = [mean + spread for mean, spread in zip(means, spreads, strict=True)]
            axes.fill_between(at, low, high, color=colour, alpha=0.13, linewidth=0)
        if log:
            axes.set_xscale("log")
            ticks = sorted({level for levels in one.cells.values() for level in levels})
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.set_xlabel(x)
        axes.set_ylabel(f"{y}, %")
        _legend(axes)
        return _svg(figure)


def bars(groups: Mapping[str, Panel], *, y: str) -> str:
    """Return a group of bars for each setting, one bar a method, with ± one standard deviation.

    Args:
        groups: setting → panel with one level.
        y: what the values are.
    """
    methods = methods_of(groups.values())
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(max(7.6, 2.2 * len(groups)), 4.2)
        width = 0.84 / max(1, len(methods))
        for i, (method, colour) in enumerate(zip(methods, _colours(methods), strict=False)):
            for at, one in enumerate(groups.values()):
                for value in one.cells.get(method, {}).values():
                    place = at + (i - (len(methods) - 1) / 2) * width
                    label = method if method not in axes.get_legend_handles_labels()[1] else None
                    axes.bar(
                        place,
                        100 * value.mean,
                        0.9 * width,
                        yerr=100 * value.spread if value.seeds > 1 else None,
                        color=colour,
                        label=label,
                        error_kw={"linewidth": 0.8},
                    )
        axes.set_xticks(range(len(groups)), list(groups))
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(f"{y}, %")
        _legend(axes)
        return _svg(figure)


def diagram(stated: Sequence[float], observed: Sequence[float], shares: Sequence[float], title: str) -> str:
    """Return a reliability diagram: observed over stated probability; a dot's area is its bin's share."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes(3.5, 3.5)
        axes.plot([0, 100], [0, 100], color="#8a8378", linewidth=1, linestyle="--")
        axes.plot([100 * v for v in stated], [100 * v for v in observed], color=_DEFAULT, linewidth=1.2)
        sizes = [12 + 500 * share for share in shares]
        axes.scatter(
            [100 * v for v in stated], [100 * v for v in observed], sizes, color=_DEFAULT, alpha=0.55
        )
        axes.set_xlabel("stated probability, %")
        axes.set_ylabel("came true, %")
        axes.set_title(title, fontsize=9)
        return _svg(figure)


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _colours(methods: Sequence[str]) -> list[str]:
    others = cycle(_SERVICE)
    found = []
    for method in methods:
        if method in OURS:
            found.append(_DEFAULT)
        elif method in PEERS:
            found.append(_PEERS[PEERS.index(method)])
        else:
            found.append(next(others))
    return found


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return re.sub(r"^.*?(?=<svg)", "", text.getvalue(), flags=re.DOTALL)
