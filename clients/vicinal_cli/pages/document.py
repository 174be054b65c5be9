"""The frame of a page, and its tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

__all__ = ["document", "facts", "tiles"]


def document(title: str, body: str, *, style: str = "") -> str:
    """Return a whole page.

    Args:
        title: plain text.
        body: HTML.
        style: CSS beside what all pages have.
    """
    shared = files("vicinal_cli.pages").joinpath("shared.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{shared}{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def tiles(told: Sequence[tuple[str, str]]) -> str:
    """Return figures that stand out, each with what it is; HTML in, HTML out."""
    cells = "\n".join(f'<div class="tile"><b>{figure}</b><span>{text}</span></div>' for figure, text in told)
    return f'<div class="tiles">\n{cells}\n</div>'


def facts(told: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values, plain text."""
    rows = "\n".join(f"<tr><th>{escape(name)}<td>{escape(value)}" for name, value in told)
    return f'<div class="wide"><table>\n{rows}\n</table></div>'
