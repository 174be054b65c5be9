"""The page of one load test, and that of two side by side: one HTML file that loads nothing."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.orders import CLICK, STEPS
from vicinal_cli.loadtest.report.histograms import histograms
from vicinal_cli.loadtest.report.tables import comparison, ordered, result_tables
from vicinal_cli.loadtest.report.timeline import Line, Panel, timeline
from vicinal_cli.loadtest.report.told import headlines, warnings
from vicinal_cli.loadtest.result import Phase, Result
from vicinal_cli.loadtest.tally import Row
from vicinal_cli.pages.document import document, facts, tiles

__all__ = ["comparison_page", "page"]

_MIB = 2**20


def page(result: Result) -> str:
    """Return the page of a load test."""
    parts = [
        f'<h1>vicinal loadtest</h1>\n<p class="soft">Made by <code>{escape(result.command)}</code></p>',
        tiles([(escape(figure), escape(what)) for figure, what in headlines(result)]),
        *(f"<p><b>Mind:</b> {escape(warning)}.</p>" for warning in warnings(result)),
        *(table.for_page() for table in result_tables(result)),
    ]
    if result.main:
        parts += [
            "<h2>Latency</h2>",
            _card(histograms([_latencies(result.main)])),
            "<h2>Over time</h2>",
            "<p>Latencies stand at the second for which their operation was planned.</p>",
            _card(timeline(_panels(result, result.main), result.main.seconds)),
        ]
    parts.append(_run(result, "How it was run"))
    return document("vicinal loadtest", "\n".join(parts), style=_style())


def comparison_page(one: Result, other: Result, first: Phase, second: Phase) -> str:
    """Return the page of two load tests, whose main loads are given beside them."""
    parts = [
        "<h1>vicinal loadtest: A and B</h1>",
        f'<p class="soft">A: <code>{escape(one.command)}</code>',
        f"<br>B: <code>{escape(other.command)}</code></p>",
        comparison(first, second).for_page(),
        "<h2>Latency</h2>",
        "<p>A in front in the first colour, B in the second.</p>",
        _card(histograms([_latencies(first), _latencies(second)])),
        "<h2>Over time</h2>",
        _card(timeline(_shared_panels(one, other, first, second), max(first.seconds, second.seconds))),
        _run(one, "How A was run"),
        _run(other, "How B was run"),
    ]
    return document("vicinal loadtest: A and B", "\n".join(parts), style=_style())


def _panels(result: Result, phase: Phase) -> list[Panel]:
    name, row = _leading(phase)
    return [
        Panel(
            f"{name}: a second",
            [
                Line("planned", "first faint", _planned(row, phase)),
                Line("answered", "first", _done(row, phase)),
            ],
        ),
        Panel(
            f"{name}: latency",
            [Line("p50", "first", _p(row, 0.5)), Line("p99", "second", _p(row, 0.99))],
            log=True,
        ),
        Panel("errors a second", [Line("errors", "bad", _errors(phase))]),
        Panel("resident memory of the service, MiB", [Line("memory", "first", _memory(result))]),
    ]


def _shared_panels(one: Result, other: Result, first: Phase, second: Phase) -> list[Panel]:
    name, row = _leading(first)
    twin = second.tally.rows.get(name, Row())
    return [
        Panel(
            f"{name}: answered a second",
            [Line("A", "first", _done(row, first)), Line("B", "second", _done(twin, second))],
        ),
        Panel(
            f"{name}: p50", [Line("A", "first", _p(row, 0.5)), Line("B", "second", _p(twin, 0.5))], log=True
        ),
        Panel(
            f"{name}: p99", [Line("A", "first", _p(row, 0.99)), Line("B", "second", _p(twin, 0.99))], log=True
        ),
        Panel("errors a second", [Line("A", "first", _errors(first)), Line("B", "second", _errors(second))]),
        Panel(
            "resident memory of the service, MiB",
            [Line("A", "first", _memory(one)), Line("B", "second", _memory(other))],
        ),
    ]


def _leading(phase: Phase) -> tuple[str, Row]:
    """Return the operation that the time line is about: clicks if there are any."""
    return next(iter(ordered(phase)), (CLICK, Row()))


def _latencies(phase: Phase) -> dict[str, Histogram]:
    return {name: row.latency for name, row in ordered(phase)}


def _planned(row: Row, phase: Phase) -> list[tuple[float, float]]:
    return [(at, one.planned) for at, one in sorted(row.seconds.items()) if at < phase.seconds]


def _done(row: Row, phase: Phase) -> list[tuple[float, float]]:
    return [(at, one.done) for at, one in sorted(row.seconds.items()) if at < phase.seconds]


def _p(row: Row, share: float) -> list[tuple[float, float]]:
    found = ((at, one.latency.quantile(share)) for at, one in sorted(row.seconds.items()))
    return [(at, value) for at, value in found if value is not None]


def _errors(phase: Phase) -> list[tuple[float, float]]:
    seconds = range(int(phase.seconds))
    rows = [row for name, row in phase.tally.rows.items() if name not in STEPS]
    return [(at, sum(row.seconds[at].errors for row in rows if at in row.seconds)) for at in seconds]


def _memory(result: Result) -> list[tuple[float, float]]:
    return [(at, held / _MIB) for at, held in result.memory]


def _card(figure: str) -> str:
    return f'<div class="card">\n{figure}\n</div>'


def _run(result: Result, title: str) -> str:
    return f"<h2>{title}</h2>\n{facts([*result.inputs.items(), *result.environment.items()])}"


def _style() -> str:
    return files("vicinal_cli.loadtest.report").joinpath("style.css").read_text(encoding="utf-8")
