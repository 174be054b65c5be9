"""The report page: one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from vicinal_cli.demo.findings import Findings, Spread
from vicinal_cli.demo.noise import THRESHOLDS
from vicinal_cli.demo.play import STAGES
from vicinal_cli.demo.report.curve import curve
from vicinal_cli.demo.report.flags import flags_section
from vicinal_cli.demo.report.pictures import figure
from vicinal_cli.pages.document import document, facts, tiles

__all__ = ["page"]

_FIRST = 10
"""Suggested samples shown."""


def page(found: Findings) -> str:
    """Return the whole page.

    Raises:
        OSError: a picture cannot be read any more.
    """
    style = files("vicinal_cli.demo.report").joinpath("style.css").read_text(encoding="utf-8")
    body = f"""<h1>vicinal</h1>
<p class="soft">Label a handful; the neighbourhood does the rest.
<br>Made by <code>{escape(found.command)}</code></p>
{_tiles(found)}
{_curve_section(found)}
{_first_section(found)}
{flags_section(found)}
{_run_section(found)}"""
    return document("vicinal demo", body, style=style)


def _tiles(found: Findings) -> str:
    first, last = found.suggested[0], found.suggested[-1]
    wrong = found.hunt.wrong
    default, strict = found.hunt.by_default, found.hunt.at(THRESHOLDS[-1])
    told = [
        (f"{first.accuracy:.0%}", f"right on the other {len(found.truth) - first.labels:,} images "
         f"after {first.labels} labels"),
        (f"{last.accuracy:.0%}", f"after {last.labels} labels"),
        (f"{default.hits} of {len(wrong)}", f"planted wrong labels among {default.flagged} flags"),
        (f"{strict.hits} of {len(wrong)}",
         f"among the {strict.flagged} flags of suspicion {strict.suspicion} or more"),
    ]  # fmt: skip
    return tiles(told)


def _curve_section(found: Findings) -> str:
    control = {spread.labels: spread for spread in found.random}
    rows = [
        f'<tr><td class="number">{point.labels}<td class="number">{point.accuracy:.1%}'
        + _control_cells(control.get(point.labels))
        for point in found.suggested
        if point.labels in STAGES
    ]
    classes = [
        f'<tr><td>{escape(name)}<td class="number">{share:.1%}'
        for name, share in sorted(found.class_accuracy.items(), key=lambda item: -item[1])
    ]
    return f"""
<h2>Few labels, many classes known</h2>
<p>An annotator who knows the truth, here the folders' names, labels the samples that vicinal suggests, ten
at a time. The labels spread over the neighbour graph, and the curve is the share of the <em>unlabelled</em>
images whose class is then right. The control labels samples drawn at random: the mean of {found.draws} draws,
and the band from the worst to the best.</p>
<div class="beside">
<div class="card">{curve(found.suggested, found.random)}</div>
<table>
<tr><th class="number">labels<th class="number">suggested<th class="number">at random
{chr(10).join(rows)}
</table>
</div>
<details><summary class="soft">by class, after {found.suggested[-1].labels} labels</summary>
<table><tr><th>class<th class="number">right
{chr(10).join(classes)}
</table></details>"""


def _control_cells(spread: Spread | None) -> str:
    if spread is None:
        return ""
    between = f"{spread.low:.1%} to {spread.high:.1%}"
    return f'<td class="number">{spread.mean:.1%}<br><small class="soft">{between}</small>'


def _first_section(found: Findings) -> str:
    names: Sequence[str] = found.suggested[0].labelled[:_FIRST]
    shown = "\n".join(figure(found.pictures[name], name, found.truth[name]) for name in names)
    return f"""
<h2>What was suggested first</h2>
<p>Before any label there is only the graph: the first suggestions are samples that many others are near to,
in different parts of it.</p>
<div class="row">
{shown}
</div>"""


def _run_section(found: Findings) -> str:
    times = [f'<tr><th>{escape(name)}<td class="number">{seconds:.1f} s' for name, seconds in found.timings]
    return f"""
<h2>How it was run</h2>
{facts(found.facts)}
<h3>Time</h3>
<table>
{chr(10).join(times)}
</table>"""
