"""The status as a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

__all__ = ["page_of"]

_ROWS = (
    ("Tasks", "tasks"),
    ("Images imported", "imported"),
    ("Images waiting", "to_import"),
    ("Images failed", "failed_count"),
    ("Labels", "labels"),
    ("Labels written since the start", "added"),
    ("Labels taken back since the start", "removed"),
    ("Suspected labels", "suspected"),
    ("Predictions written since the start", "predictions"),
    ("Tasks to look at", "queued"),
    ("Now", "working"),
    ("Last full comparison", "surveyed_at"),
    ("Connected since", "connected_at"),
)
_STYLE = (
    "body{font:16px/1.5 system-ui;margin:2rem auto;max-width:46rem;padding:0 1rem}"
    "td{padding:.1rem 1rem .1rem 0}progress{width:100%}.bad{color:#a00}"
)


def page_of(status: Mapping[str, Any]) -> str:
    """Return a page, which loads itself anew every five seconds, of `Status.as_json`."""
    rows = "".join(f"<tr><td>{name}<td>{escape(_word(status[key]))}" for name, key in _ROWS)
    failed = "".join(f"<li>task {task}: {escape(why)}" for task, why in status["failed"].items())
    unknown = "".join(
        f"<li>task {task}: {escape(choice)!s} is no class"
        for task, choice in status["unknown_choices"].items()
    )
    trouble = f'<p class="bad">Being repeated: {escape(status["trouble"])}</p>' if status["trouble"] else ""
    notes = "".join(f"<li>{escape(note)}" for note in reversed(status["notes"]))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        f"<title>vicinal · project {status['project']}</title><style>{_STYLE}</style>"
        f"<h1>Project {status['project']} → dataset {escape(status['dataset'])}</h1>{trouble}"
        f'<progress aria-label="imported" value="{status["imported"]}" max="{max(status["tasks"], 1)}">'
        f"</progress><table>{rows}</table>"
        f"{_section('Images that failed', failed)}{_section('Choices that are no classes', unknown)}"
        f"{_section('Lately', notes)}</html>"
    )


def _section(title: str, items: str) -> str:
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""


def _word(value: object) -> str:
    return "–" if value is None else str(value)
