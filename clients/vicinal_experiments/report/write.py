"""Everything that a folder of results tells, written to it."""

from __future__ import annotations

from pathlib import Path

from vicinal_experiments.report.markdown import markdown
from vicinal_experiments.report.page import figures_of, page
from vicinal_experiments.results import manifest
from vicinal_experiments.results.table import Table

__all__ = ["table_of", "write"]


def write(folder: Path) -> Path:
    """Write figures/*.svg, results.md and index.html from the results in `folder`; return the page's path.

    Raises:
        ExperimentError: there are none.
    """
    about = manifest.read(folder)
    rows = list(Table(folder / "results.csv"))
    drawn = figures_of(rows)
    (folder / "figures").mkdir(exist_ok=True)
    for name, svg in drawn.items():
        (folder / "figures" / f"{name}.svg").write_text(svg, encoding="utf-8")
    (folder / "results.md").write_text(markdown(rows, about), encoding="utf-8")
    place = folder / "index.html"
    place.write_text(page(rows, about, drawn), encoding="utf-8")
    return place


def table_of(folder: Path) -> str:
    """Return the results in `folder` as Markdown.

    Raises:
        ExperimentError: there are none.
    """
    return markdown(list(Table(folder / "results.csv")), manifest.read(folder))
