"""What was seen of a load: by operation, second by second, in a form that workers can add together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.orders import STEPS

__all__ = ["Row", "Second", "Tally"]


@dataclass
class Second:
    """One second of a load.

    Attributes:
        planned: operations that were to begin in it.
        done: operations that were answered in it.
        errors: operations planned for it that failed.
        latency: of those planned for it, so that a stall shows where it struck.
    """

    planned: int = 0
    done: int = 0
    errors: int = 0
    latency: Histogram = field(default_factory=Histogram)


@dataclass
class Row:
    """One operation: a click, one of its calls, a read or an ingest.

    Attributes:
        planned: how many were to begin.
        latency: seconds from the planned beginning to the answer, of those that were answered.
        server: seconds that the service says it spent.
        transport: the rest of the call: coding, connection, and waiting before both ends.
        errors: reason → how many failed of it.
        seconds: second of the load → what was seen of it.
    """

    planned: int = 0
    latency: Histogram = field(default_factory=Histogram)
    server: Histogram = field(default_factory=Histogram)
    transport: Histogram = field(default_factory=Histogram)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: dict[int, Second] = field(default_factory=dict)

    def plan(self, at: float) -> None:
        """Count one that is to begin `at` seconds into the load."""
        self.planned += 1
        self._second(at).planned += 1

    def answered(self, at: float, latency: float) -> None:
        """Count the answer to one that was planned for `at`, `latency` seconds later."""
        self.latency.add(latency)
        self._second(at).latency.add(latency)
        self._second(at + latency).done += 1

    def failed(self, at: float, reason: str) -> None:
        """Count one that was planned for `at` and failed."""
        self.errors[reason] += 1
        self._second(at).errors += 1

    def merge(self, other: Row) -> None:
        """Add what another worker has seen."""
        self.planned += other.planned
        for mine, theirs in zip(self._histograms(), other._histograms(), strict=True):
            mine.merge(theirs)
        self.errors.update(other.errors)
        for at, second in other.seconds.items():
            mine_then = self._second(at)
            mine_then.planned += second.planned
            mine_then.done += second.done
            mine_then.errors += second.errors
            mine_then.latency.merge(second.latency)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "planned": self.planned,
            "latency": self.latency.to_json(),
            "server": self.server.to_json(),
            "transport": self.transport.to_json(),
            "errors": dict(self.errors),
            "seconds": [
                [at, one.planned, one.done, one.errors, one.latency.to_json()]
                for at, one in sorted(self.seconds.items())
            ],
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Return what `to_json` was made from."""
        latency, server, transport = (
            Histogram.from_json(found[name]) for name in ("latency", "server", "transport")
        )
        seconds = {
            int(at): Second(planned, done, errors, Histogram.from_json(seen))
            for at, planned, done, errors, seen in found["seconds"]
        }
        return cls(found["planned"], latency, server, transport, Counter(found["errors"]), seconds)

    def _second(self, at: float) -> Second:
        return self.seconds.setdefault(int(at), Second())

    def _histograms(self) -> tuple[Histogram, Histogram, Histogram]:
        return self.latency, self.server, self.transport


@dataclass
class Tally:
    """All that was seen of one load.

    Attributes:
        rows: operation → what was seen of it.
        lag: seconds by which the generator itself was late to begin what it had planned.
        unfinished: clicks under way at the end of the load's seconds; they are waited for all the same.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    lag: Histogram = field(default_factory=Histogram)
    unfinished: int = 0

    def row(self, name: str) -> Row:
        """Return the row of an operation, empty at first."""
        return self.rows.setdefault(name, Row())

    @property
    def errors(self) -> int:
        """Operations that failed; the call of a click that failed is not counted beside the click."""
        return sum(row.errors.total() for name, row in self.rows.items() if name not in STEPS)

    def merge(self, other: Tally) -> None:
        """Add what another worker has seen of the same load."""
        for name, row in other.rows.items():
            self.row(name).merge(row)
        self.lag.merge(other.lag)
        self.unfinished += other.unfinished

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        rows = {name: row.to_json() for name, row in self.rows.items()}
        return {"rows": rows, "lag": self.lag.to_json(), "unfinished": self.unfinished}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Return what `to_json` was made from."""
        rows = {name: Row.from_json(row) for name, row in found["rows"].items()}
        return cls(rows, Histogram.from_json(found["lag"]), found["unfinished"])
