"""Numbers as people read them."""

from __future__ import annotations

__all__ = ["NOTHING", "milliseconds", "number", "percent", "ratio", "seconds_of"]

NOTHING = "–"


def milliseconds(seconds: float | None) -> str:
    """Return milliseconds with three digits that count, without the unit."""
    return NOTHING if seconds is None else number(1e3 * seconds)


def number(value: float | None) -> str:
    """Return a number with about three digits that count."""
    if value is None:
        return NOTHING
    size = abs(value)
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"


def ratio(value: float | None) -> str:
    """Return how many times as much something is."""
    return NOTHING if value is None else f"{number(value)} ×"


def percent(share: float | None) -> str:
    """Return a growth, with its sign."""
    return NOTHING if share is None else f"{share:+.1%}"


def seconds_of(duration: float) -> str:
    """Return a duration in the unit that suits it, e.g. "20 ms"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if duration >= 0.9995 * size:
            return f"{duration / size:.3g} {unit}"
    return f"{duration / 1e-6:.3g} µs"
