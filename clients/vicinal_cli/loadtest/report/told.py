"""A result in a few sentences, which stand on the terminal and at the head of the page."""

from __future__ import annotations

from vicinal_cli.loadtest.memory import SETTLED
from vicinal_cli.loadtest.orders import CLICK
from vicinal_cli.loadtest.report.words import number, percent, ratio, seconds_of
from vicinal_cli.loadtest.result import Result

__all__ = ["headlines", "warnings"]

_LATE = 0.005
"""Seconds that the generator itself may be late, 99 times in 100."""
_BACKLOG = 0.05
"""Share of the planned clicks that may be unanswered at the end, if they are more than `_FEW`."""
_FEW = 5


def headlines(result: Result) -> list[tuple[str, str]]:
    """Return figures that stand out, each with what it is; plain text."""
    found = [(_duration(result.echo.quantile(0.5)), "p50 of an echo on the same server, before the load")]
    if result.sustained is not None:
        found.append((f"{number(result.sustained)}/s", "clicks: the highest rate that was sustained"))
    if result.main:
        click = result.main.tally.rows.get(CLICK)
        if click:
            found.append(
                (_duration(click.latency.quantile(0.5)), f"p50 of a click, {number(result.echoes)} echoes")
            )
            found.append((ratio(result.spread), "p99 of a click, in its p50"))
        found.append((f"{result.main.tally.errors:,}", f"errors in {result.main.seconds:g} s"))
    if result.growth is not None:
        found.append((percent(result.growth), f"memory of the service, after the first {SETTLED:g} s"))
    return found


def warnings(result: Result) -> list[str]:
    """Return what must be known before the figures are believed."""
    main, found = result.main, []
    if main is None:
        return []
    late = main.tally.lag.quantile(0.99)
    if late is not None and late > _LATE:
        found.append(
            f"the generator itself was late by {seconds_of(late)} (p99): add --workers, or load from "
            "another machine"
        )
    click = main.tally.rows.get(CLICK)
    if click and not main.is_open:
        found.append(
            "a closed loop waits for the service, so it hides stalls; judge latency with --rate or --share"
        )
    if click and main.is_open and main.tally.unfinished > max(_FEW, _BACKLOG * click.planned):
        found.append("the rate was not reached: what is shown is a growing queue, not the latency of a click")
    return found


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else seconds_of(seconds)
