"""What a load test found, as data and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from vicinal_cli.errors import CliError
from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.memory import growth
from vicinal_cli.loadtest.orders import CLICK
from vicinal_cli.loadtest.tally import Row, Tally

__all__ = ["Phase", "Result", "environment", "read_result"]

_FORMAT = 1
_PACKAGES = ("vicinal", "grpcio", "protobuf", "numpy")


@dataclass(frozen=True)
class Phase:
    """One load with what was seen of it.

    Attributes:
        name: for people, e.g. "40 clicks a second".
        seconds: how long it lasted.
        rates: operation → mean number a second that was planned.
        tally: what was seen.
        sustained: for a trial of `finding`, whether the rate was; else None.
    """

    name: str
    seconds: float
    rates: Mapping[str, float]
    tally: Tally
    sustained: bool | None = None

    @property
    def is_open(self) -> bool:
        """Whether clicks came at times fixed in advance."""
        return CLICK in self.rates

    def reached(self, row: Row) -> float:
        """Return how many of a row's operations were answered a second, while the load lasted."""
        done = sum(one.done for at, one in row.seconds.items() if at < self.seconds)
        return done / self.seconds

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {**vars(self), "rates": dict(self.rates), "tally": self.tally.to_json()}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Return what `to_json` was made from."""
        return cls(**{**found, "tally": Tally.from_json(found["tally"])})


@dataclass(frozen=True)
class Result:
    """All that a load test found.

    Attributes:
        command: how it was called.
        inputs: flag → value, those that were not given included.
        environment: versions and machine.
        echo: of the health check, before the load.
        trials: of the search for the highest sustained rate, in order.
        sustained: clicks a second, the highest rate found sustained; None when it was not looked for.
        alone: reads without clicks, when they were asked for.
        main: the load itself; None when only the rate was looked for.
        memory: (seconds since the main load began, resident bytes of the service).
    """

    command: str
    inputs: Mapping[str, str]
    environment: Mapping[str, str]
    echo: Histogram
    trials: Sequence[Phase]
    sustained: float | None
    alone: Phase | None
    main: Phase | None
    memory: Sequence[tuple[float, int]]

    @property
    def echoes(self) -> float | None:
        """p50 of a click in p50 of an echo; None when either is missing."""
        click, echo = self._click_quantile(0.5), self.echo.quantile(0.5)
        return click / echo if click and echo else None

    @property
    def spread(self) -> float | None:
        """p99 of a click in its p50; None when there was none."""
        middle, high = self._click_quantile(0.5), self._click_quantile(0.99)
        return high / middle if middle and high else None

    @property
    def growth(self) -> float | None:
        """See `memory.growth`."""
        return growth(self.memory)

    def _click_quantile(self, share: float) -> float | None:
        row = self.main.tally.rows.get(CLICK) if self.main else None
        return row.latency.quantile(share) if row else None

    def to_json(self) -> str:
        """Return it as a JSON document."""
        found = {
            "vicinal_loadtest": _FORMAT,
            **vars(self),
            "echo": self.echo.to_json(),
            "trials": [trial.to_json() for trial in self.trials],
            "alone": self.alone and self.alone.to_json(),
            "main": self.main and self.main.to_json(),
        }
        return json.dumps(found, ensure_ascii=False)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        """Return what `to_json` was made from, once it is parsed."""
        values = {name: value for name, value in found.items() if name != "vicinal_loadtest"}
        values["echo"] = Histogram.from_json(found["echo"])
        values["trials"] = [Phase.from_json(trial) for trial in found["trials"]]
        values["memory"] = [(at, held) for at, held in found["memory"]]
        for name in ("alone", "main"):
            values[name] = found[name] and Phase.from_json(found[name])
        return cls(**values)


def read_result(path: Path) -> Result:
    """Read what `vicinal loadtest` wrote.

    Raises:
        CliError: it is no such file.
        OSError: it cannot be read.
    """
    hint = "give the loadtest.json of two runs of `vicinal loadtest`."
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["vicinal_loadtest"] != _FORMAT:
            raise CliError(f"{path} is of another version of vicinal", "run both tests with this one.")
        return Result.from_json(found)
    except (ValueError, KeyError, TypeError) as error:
        raise CliError(f"{path} is no result of a load test", hint) from error


def environment() -> dict[str, str]:
    """Return the versions and the machine that a load test was run on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    found["system"] = f"{platform.system()} {platform.machine()}"
    found["cores"] = str(os.cpu_count())
    if hasattr(os, "getloadavg"):
        found["load average at the start"] = f"{os.getloadavg()[0]:.1f}"
    return found
