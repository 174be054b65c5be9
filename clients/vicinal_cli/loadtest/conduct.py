"""A load test from the first echo to the last answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import monotonic

from vicinal_cli.console import note, progress
from vicinal_cli.loadtest.crew import Crew, Tell
from vicinal_cli.loadtest.finding import Bounds, find_rate, is_sustained
from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.memory import Watch, listener
from vicinal_cli.loadtest.orders import CLICK, INGEST, Job, Load, Subject
from vicinal_cli.loadtest.result import Phase

__all__ = ["Measured", "Wish", "conduct"]

_ECHOES = 500
_WARM_UP = 2.0
"""Seconds of load that do not count, before all else."""
_SEARCH = "looking for the highest sustained rate"


@dataclass(frozen=True)
class Wish:
    """What load is wanted.

    Attributes:
        annotators: how many click.
        rate: clicks a second; None lets every annotator click as soon as the last click is answered.
        seconds: how long the main load lasts; 0 for none.
        share: of the highest sustained rate, which is then looked for; None when it is not.
        reads: reads a second.
        kinds: which reads.
        ingest: AddSamples a second.
        batch: samples of one AddSamples.
        labels: stated with one click.
        workers: processes.
        seed: of all times.
        alone: whether the reads come first without clicks.
        p99: seconds that 99% of the clicks may take while a rate is sustained.
        trial: seconds of one trial of a rate.
        timeout: seconds after which a call has failed.
        most: operations under way at one time.
    """

    annotators: int
    rate: float | None
    seconds: float
    share: float | None
    reads: float
    kinds: Sequence[str]
    ingest: float
    batch: int
    labels: int
    workers: int
    seed: int
    alone: bool
    p99: float
    trial: float
    timeout: float
    most: int

    def jobs(self, subject: Subject) -> list[Job]:
        """Return what each worker is for: annotators are dealt out in turn."""
        return [
            Job(
                subject,
                worker,
                self.workers,
                range(worker, self.annotators, self.workers),
                self.labels,
                self.batch,
                self.timeout,
                max(1, self.most // self.workers),
            )
            for worker in range(self.workers)
        ]

    def others(self) -> dict[str, float]:
        """Return the rates of all but clicks."""
        reads = {kind: self.reads / len(self.kinds) for kind in self.kinds if self.reads}
        return reads | ({INGEST: self.ingest} if self.ingest else {})


@dataclass(frozen=True)
class Measured:
    """What `conduct` saw; `result.Result` says what each is."""

    echo: Histogram
    trials: Sequence[Phase]
    sustained: float | None
    alone: Phase | None
    main: Phase | None
    memory: Sequence[tuple[float, int]]


def conduct(subject: Subject, wish: Wish) -> Measured:
    """Load the subject as it is wished.

    Raises:
        CliError: a worker failed, or no rate was sustained.
    """
    note(f"starting {wish.workers} worker{'s' if wish.workers > 1 else ''}")
    with Crew(wish.jobs(subject)) as crew:
        runs = _Runs(crew, wish)
        runs.closed("warming up", _WARM_UP)
        echo = crew.echo(_ECHOES)
        trials: list[Phase] = []
        sustained, rate = None, wish.rate
        if wish.share is not None:
            sustained, trials = runs.search()
            rate = wish.share * sustained
        alone = runs.reads_alone() if wish.alone else None
        with Watch(listener(subject.address)) as watch:
            begun = monotonic()
            main = runs.main(rate) if wish.seconds else None
        memory = [(at - begun, held) for at, held in watch.readings]
    return Measured(echo, trials, sustained, alone, main, memory)


class _Runs:
    """The loads of one test."""

    def __init__(self, crew: Crew, wish: Wish) -> None:
        self._crew = crew
        self._wish = wish

    def closed(self, name: str, seconds: float, rates: dict[str, float] | None = None) -> Phase:
        """Let annotators click as fast as they are answered, with other operations beside."""
        return self._run(name, Load(seconds, rates or {}, self._wish.seed, closed=True))

    def at_rate(self, name: str, rate: float, seconds: float) -> Phase:
        """Let clicks come at a rate, with the other operations beside."""
        return self._run(name, Load(seconds, {**self._wish.others(), CLICK: rate}, self._wish.seed))

    def search(self) -> tuple[float, list[Phase]]:
        """Find the highest sustained rate; return it and the trials."""
        bounds = Bounds(self._wish.annotators, self._wish.p99)

        def trial(rate: float) -> Phase:
            phase = self.at_rate(f"{_SEARCH}: {rate:.3g} a second", rate, self._wish.trial)
            judged = replace(phase, sustained=is_sustained(phase, bounds))
            note(f"{rate:7.3g} clicks a second: {'sustained' if judged.sustained else 'not sustained'}")
            return judged

        first = self.closed(f"{_SEARCH}: a closed loop", self._wish.trial, self._wish.others())
        return find_rate(first.reached(first.tally.row(CLICK)), trial, bounds)

    def reads_alone(self) -> Phase:
        """Let only the reads come, at the times at which they come again in the main load."""
        return self._run("reads alone", Load(self._wish.seconds, self._wish.others(), self._wish.seed))

    def main(self, rate: float | None) -> Phase:
        """Run the load itself."""
        wish = self._wish
        rates = wish.others() | ({CLICK: rate} if rate else {})
        load = Load(wish.seconds, rates, wish.seed, closed=rate is None, split=wish.alone)
        return self._run(f"{rate:.3g} clicks a second" if rate else "a closed loop", load)

    def _run(self, name: str, load: Load) -> Phase:
        with _told(name, load.seconds) as tell:
            tally = self._crew.load(load, tell)
        return Phase(name, load.seconds, load.rates, tally)


@contextmanager
def _told(name: str, seconds: float) -> Iterator[Tell]:
    """Show how much of the time has passed."""
    with progress(name) as bar:
        yield lambda passed, _done, _errors: bar(round(min(passed, seconds)), round(seconds))
