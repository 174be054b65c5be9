"""The tables of a load test, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.orders import CLICK, INGEST, READS, STEPS
from vicinal_cli.loadtest.report.words import milliseconds, number
from vicinal_cli.loadtest.result import Phase, Result
from vicinal_cli.loadtest.tally import Row

__all__ = [
    "Table",
    "beside",
    "comparison",
    "errors",
    "latencies",
    "ordered",
    "result_tables",
    "server_times",
    "trials",
]

_WIDE = 160
"""Columns of a terminal that hold every table."""
_SHARES = (0.5, 0.9, 0.99, 0.999, 1.0)
_SHARE_NAMES = ("p50", "p90", "p99", "p99.9", "max")


@dataclass(frozen=True)
class Table:
    """Words and numbers in rows.

    Attributes:
        title: what they are; with units.
        heads: of the columns; the first column is words, the others are numbers.
        rows: as many cells as heads.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def show(self, console: Console) -> None:
        """Print it; on a narrow terminal lines run over rather than lose figures."""
        table = RichTable(box=None, header_style="bold", pad_edge=False)
        for place, head in enumerate(self.heads):
            table.add_column(Text(head), justify="right" if place else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*map(Text, row))
        console.print(Text(self.title), soft_wrap=True)
        Console(file=console.file, width=max(console.width, _WIDE)).print(table)

    def for_page(self) -> str:
        """Return it as HTML."""
        heads = "".join(
            f"<th{' class=number' if place else ''}>{escape(head)}" for place, head in enumerate(self.heads)
        )
        rows = "\n".join(
            "<tr>"
            + "".join(
                f"<td{' class=number' if place else ''}>{escape(cell)}" for place, cell in enumerate(row)
            )
            for row in self.rows
        )
        return (
            f'<p class="soft">{escape(self.title)}</p>\n'
            f'<div class="wide"><table>\n<tr>{heads}\n{rows}\n</table></div>'
        )


def ordered(phase: Phase) -> list[tuple[str, Row]]:
    """Return the operations of a load as they are always told: the click, its calls, the others."""
    places = [CLICK, *STEPS, *READS, INGEST]
    rows = phase.tally.rows

    def place(name: str) -> tuple[int, str]:
        base = name.partition(",")[0]
        return (places.index(base) if base in places else len(places), name)

    return [(name, rows[name]) for name in sorted(rows, key=place)]


def latencies(phase: Phase) -> Table:
    """Return how long each operation took, and how many there were."""
    rows = [
        [
            _indented(name),
            number(row.planned / phase.seconds),
            number(phase.reached(row)),
            *_quantiles(row.latency, _SHARES),
            f"{row.errors.total():,}",
        ]
        for name, row in ordered(phase)
    ]
    since = "ms since the planned beginning, for a click's calls since their sending"
    return Table(
        f"{phase.name}, {phase.seconds:g} s; {since}",
        ("", "planned/s", "reached/s", *_SHARE_NAMES, "errors"),
        rows,
    )


def server_times(phase: Phase) -> Table:
    """Return how much of each call the service says it spent, and the rest, in ms."""
    rows = [
        [
            _indented(name),
            *_quantiles(row.server, (0.5, 0.99, 1.0)),
            *_quantiles(row.transport, (0.5, 0.99, 1.0)),
        ]
        for name, row in ordered(phase)
        if row.server.count
    ]
    heads = ("", "server p50", "p99", "max", "transport p50", "p99", "max")
    return Table("where the time goes, ms: in the service, and in transport", heads, rows)


def errors(phase: Phase) -> Table:
    """Return why operations failed, and how often."""
    rows = [
        [name, reason, f"{count:,}"]
        for name, row in ordered(phase)
        for reason, count in sorted(row.errors.items())
    ]
    return Table("errors", ("", "reason", "count"), rows)


def trials(result: Result) -> Table:
    """Return the search for the highest sustained rate."""
    rows = []
    for trial in result.trials:
        row = trial.tally.row(CLICK)
        rows.append(
            [
                number(trial.rates[CLICK]),
                number(trial.reached(row)),
                *_quantiles(row.latency, (0.5, 0.99)),
                f"{trial.tally.unfinished:,}",
                f"{trial.tally.errors:,}",
                "yes" if trial.sustained else "no",
            ]
        )
    heads = ("clicks/s", "reached/s", "p50, ms", "p99, ms", "unanswered at the end", "errors", "sustained")
    return Table(f"trials of {result.trials[0].seconds:g} s" if rows else "trials", heads, rows)


def beside(alone: Phase, main: Phase) -> Table:
    """Return reads while a propagation is under way against the same reads without clicks, in ms."""
    rows = []
    for name in READS:
        without, during = (phase.tally.rows.get(name) for phase in (alone, main))
        if without is None or during is None:
            continue
        cells = [name, f"{without.latency.count:,}", f"{during.latency.count:,}"]
        for share in (0.5, 0.99):
            low, high = without.latency.quantile(share), during.latency.quantile(share)
            cells += [milliseconds(low), milliseconds(high), number(high / low if low and high else None)]
        rows.append(cells)
    heads = ("", "alone", "during", "p50 alone", "during", "ratio", "p99 alone", "during", "ratio")
    return Table("reads alone, and during a propagation: how many, ms", heads, rows)


def comparison(one: Phase, other: Phase) -> Table:
    """Return the operations of two loads side by side, in ms."""
    rows = []
    theirs = dict(ordered(other))
    for name, row in ordered(one):
        if name not in theirs:
            continue
        twin = theirs[name]
        cells = [_indented(name), number(one.reached(row)), number(other.reached(twin))]
        for share in (0.5, 0.99):
            first, second = row.latency.quantile(share), twin.latency.quantile(share)
            cells += [
                milliseconds(first),
                milliseconds(second),
                number(second / first if first and second else None),
            ]
        rows.append([*cells, f"{row.errors.total():,}", f"{twin.errors.total():,}"])
    heads = ("", "A: reached/s", "B", "A: p50", "B", "B/A", "A: p99", "B", "B/A", "A: errors", "B")
    return Table("A and B side by side; times in ms", heads, rows)


def result_tables(result: Result) -> list[Table]:
    """Return all tables of a result that have something to tell."""
    found = [trials(result)]
    if result.alone and result.main:
        found.append(beside(result.alone, result.main))
    if result.main:
        found += [latencies(result.main), server_times(result.main), errors(result.main)]
    return [table for table in found if table.rows]


def _quantiles(histogram: Histogram, shares: Sequence[float]) -> list[str]:
    return [milliseconds(histogram.quantile(share)) for share in shares]


def _indented(name: str) -> str:
    return f"  {name}" if name in STEPS else name
