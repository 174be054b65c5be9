"""The page of all experiments: one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files

from vicinal_experiments.experiments import calibration
from vicinal_experiments.report.figures import bars, diagram, lines
from vicinal_experiments.report.markdown import blocks
from vicinal_experiments.report.sections import SECTIONS, Section, View, views
from vicinal_experiments.report.series import OURS, Mean, Panel, levels_of, methods_of, panel, settings_of
from vicinal_experiments.results.manifest import Manifest
from vicinal_experiments.results.table import Row
from vicinal_experiments.settings import DEFAULT

__all__ = ["figures_of", "page"]


def page(rows: Sequence[Row], manifest: Manifest, figures: Mapping[str, str]) -> str:
    """Return the whole page: figures, tables, calibration, and what it was run on.

    Args:
        rows: all results.
        manifest: what they were measured on.
        figures: those of `figures_of`.
    """
    style = files("vicinal_experiments.report").joinpath("style.css").read_text(encoding="utf-8")
    told = [(section, views(rows, section)) for section in SECTIONS]
    told = [(section, found) for section, found in told if found]
    links = "".join(f'<a href="#{one.experiment}">{escape(one.title)}</a>' for one, _ in told)
    parts = "\n".join(_section(section, found, manifest, figures) for section, found in told)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vicinal experiments</title>
<style>
{style}</style>
</head>
<body>
<h1>vicinal: experiments</h1>
<p class="soft">{escape(", ".join(manifest.facts.values()))}. Shares in percent, mean ± standard deviation
over the seeds; the small number is how many. A band is one standard deviation to each side.</p>
<nav>{links}</nav>
{parts}
{_calibration(figures)}
{_run(manifest)}
</body>
</html>
"""


def figures_of(rows: Sequence[Row]) -> dict[str, str]:
    """Return every figure by the name of its file, without ending."""
    found = {}
    for section in SECTIONS:
        for view in views(rows, section):
            for caption, svg in _drawn(section, view):
                found[_file_name(section.experiment, view.metric, caption)] = svg
    for setting, svg in _diagrams(rows):
        found[_file_name(calibration.EXPERIMENT, setting)] = svg
    return found


def _file_name(*parts: str) -> str:
    text = "-".join(filter(None, parts)).lower()
    return "-".join("".join(c if c.isalnum() else " " for c in text).split())


def _drawn(section: Section, view: View) -> Iterator[tuple[str, str]]:
    """Yield a caption and an SVG for each figure of a view."""
    for caption in _captions(section, view):
        if section.is_curve:
            yield caption, lines(view.panels[caption], x=section.x, y=view.metric, log=section.log)
        else:
            yield caption, bars(view.panels, y=view.metric)


def _captions(section: Section, view: View) -> list[str]:
    """Return the captions of a view's figures: a curve a setting, or one figure of bars."""
    if view.metric in section.without_figure:
        return []
    if not section.is_curve:
        return [""]
    return [setting for setting, one in view.panels.items() if len(levels_of(one)) > 1]


def _section(section: Section, found: Sequence[View], manifest: Manifest, figures: Mapping[str, str]) -> str:
    parts = [f'<h2 id="{section.experiment}">{escape(section.title)}</h2>\n<p>{escape(section.text)}</p>']
    command = manifest.commands.get(section.experiment)
    if command:
        parts.append(f"<p><code>{escape(command)}</code></p>")
    for view in found:
        tables = "\n".join(_table(section, *block) for block in blocks(section, view.panels))
        captions = _captions(section, view)
        drawn = [(name, figures[_file_name(section.experiment, view.metric, name)]) for name in captions]
        parts.append(f"<h3>{escape(view.metric)}</h3>\n{_figures(drawn)}\n{tables}")
    return "\n".join(parts)


def _figures(drawn: Sequence[tuple[str, str]]) -> str:
    cells = "\n".join(f"<figure>{svg}<figcaption>{escape(name)}</figcaption></figure>" for name, svg in drawn)
    return f'<div class="figures">\n{cells}\n</div>'


def _table(section: Section, title: str, panels: Mapping[str, Panel]) -> str:
    methods = methods_of(panels.values())
    heads = "".join(f"<th>{escape(method)}" for method in methods)
    rows = [f"<tr><th>{escape(section.x if section.is_curve else 'labels')}{heads}"]
    for setting, one in panels.items():
        for level in levels_of(one):
            what = f"{level:g}" if section.is_curve else setting
            cells = "".join(_cell(method, one.cells.get(method, {}).get(level)) for method in methods)
            rows.append(f"<tr><td>{escape(what)}{cells}")
    caption = f"<caption>{escape(title)}</caption>" if title else ""
    return f'<div class="wide"><table>{caption}\n' + "\n".join(rows) + "\n</table></div>"


def _cell(method: str, value: Mean | None) -> str:
    kind = ' class="ours"' if method in OURS else ""
    if value is None:
        return f"<td{kind}>–"
    spread = f" ± {100 * value.spread:.1f}" if value.seeds > 1 else ""
    return f"<td{kind}>{100 * value.mean:.1f}{spread} <small>{value.seeds}</small>"


def _diagrams(rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield a caption and an SVG for each reliability diagram."""
    for setting in settings_of(rows, calibration.EXPERIMENT):
        columns = []
        for metric in ("stated", "observed", "share"):
            cells = panel(rows, calibration.EXPERIMENT, setting, metric).cells.get(DEFAULT.name, {})
            columns.append([value.mean for value in cells.values()])
        stated, observed, share = columns
        error = sum(w * abs(s - o) for s, o, w in zip(stated, observed, share, strict=True))
        yield setting, diagram(stated, observed, share, f"{setting}: ECE {100 * error:.1f}%")


def _calibration(figures: Mapping[str, str]) -> str:
    drawn = [("", svg) for name, svg in figures.items() if name.startswith(calibration.EXPERIMENT)]
    if not drawn:
        return ""
    return f"""<h2 id="calibration">Calibration</h2>
<p>What came true of what was stated with a probability, in bins; a dot's area is its bin's share. On the
dashed line the probabilities are what they say. One draw of the labels.</p>
{_figures(drawn)}"""


def _run(manifest: Manifest) -> str:
    facts = {**manifest.facts, **manifest.inputs, **manifest.versions}
    rows = "\n".join(f"<tr><td>{escape(name)}<td>{escape(value)}" for name, value in facts.items())
    return f'<h2>What it was run on</h2>\n<div class="wide"><table>\n{rows}\n</table></div>'
