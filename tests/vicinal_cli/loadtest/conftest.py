"""Results that are made up."""

import numpy as np
import pytest

from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.result import Phase, Result
from vicinal_cli.loadtest.tally import Tally

HOSTILE = '<script>alert("x")</script>&amp;'


def made_up(seed=0, *, slower=1.0, during=True, command="vicinal loadtest"):
    """A result of 90 seconds: 20 clicks and 10 exports a second, some of which failed."""
    random = np.random.default_rng(seed)
    echo = Histogram()
    for one in random.lognormal(-8, 0.2, 300):
        echo.add(float(one))

    def phase(name, rates, **more):
        tally = Tally(unfinished=3)
        for operation, rate in rates.items():
            row = tally.row(operation)
            for at in np.sort(random.uniform(0, 90, int(90 * rate))).tolist():
                row.plan(at)
                took = slower * float(random.lognormal(-4, 0.7))
                if random.random() < 0.01:
                    row.failed(at, f"REASON {HOSTILE}")
                    continue
                row.answered(at, took)
                row.server.add(0.8 * took)
                row.transport.add(0.2 * took)
                tally.lag.add(1e-4)
        return Phase(name, 90.0, rates, tally, **more)

    return Result(
        command=command,
        inputs={"--annotators": "3", "--dataset": HOSTILE},
        environment={"python": "3.11"},
        echo=echo,
        trials=[
            phase("one", {"click": 15.0}, sustained=True),
            phase("two", {"click": 30.0}, sustained=False),
        ],
        sustained=15.0,
        alone=phase("reads alone", {"ExportBeliefs": 10.0}) if during else None,
        main=phase("20 clicks a second", {"ExportBeliefs": 10.0, "click": 20.0}),
        memory=[(float(at), 400 * 2**20 + 1000 * at) for at in range(91)],
    )


@pytest.fixture(scope="session")
def make_result():
    """The function `made_up`."""
    return made_up


@pytest.fixture(scope="session")
def hostile():
    """Text that would be markup if it were not escaped."""
    return HOSTILE
