"""The results as Markdown tables, each row with the command that made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from vicinal_experiments.report.sections import SECTIONS, Section, views
from vicinal_experiments.report.series import Mean, Panel, levels_of, methods_of
from vicinal_experiments.results.manifest import Manifest
from vicinal_experiments.results.table import Row

__all__ = ["blocks", "markdown", "shown"]


def markdown(rows: Sequence[Row], manifest: Manifest) -> str:
    """Return a table for each metric of each experiment: a row a setting and level, a column a method.

    Shares are in percent, mean ± standard deviation. The number of seeds stands behind a figure where it is
    not the row's greatest.
    """
    parts = []
    for section in SECTIONS:
        command = manifest.commands.get(section.experiment, "")
        for view in views(rows, section):
            for title, panels in blocks(section, view.panels):
                name = ", ".join(filter(None, [view.metric, title]))
                parts.append(f"### {section.title}: {name}\n\n" + "\n".join(_lines(section, panels, command)))
    return "\n\n".join(parts) + "\n"


def blocks(section: Section, panels: Mapping[str, Panel]) -> list[tuple[str, dict[str, Panel]]]:
    """Return what stands in one table: each curve by itself under its setting's name, bars together."""
    if section.is_curve:
        return [(setting, {setting: one}) for setting, one in panels.items()]
    return [("", dict(panels))]


def shown(value: Mean | None, most_seeds: int) -> str:
    """Return a share in percent, with its standard deviation, and its seeds where others have more."""
    if value is None:
        return "–"
    spread = f" ± {100 * value.spread:.1f}" if value.seeds > 1 else ""
    return f"{100 * value.mean:.1f}{spread}" + (f" ({value.seeds})" if value.seeds < most_seeds else "")


def _lines(section: Section, panels: Mapping[str, Panel], command: str) -> Iterator[str]:
    methods = methods_of(panels.values())
    yield f"| {' | '.join([section.x if section.is_curve else 'labels', *methods, 'command'])} |"
    yield f"|{'---|' * (len(methods) + 2)}"
    for setting, one in panels.items():
        for level in levels_of(one):
            found = [one.cells.get(method, {}).get(level) for method in methods]
            most = max(value.seeds for value in found if value)
            what = f"{level:g}" if section.is_curve else setting
            yield f"| {' | '.join([what, *(shown(value, most) for value in found), f'`{command}`'])} |"
