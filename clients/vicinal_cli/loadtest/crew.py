"""The worker processes, as one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from vicinal_cli.errors import CliError
from vicinal_cli.loadtest.histogram import Histogram
from vicinal_cli.loadtest.orders import Echo, Failure, Job, Load, Progress, Ready
from vicinal_cli.loadtest.tally import Tally
from vicinal_cli.loadtest.worker import work

__all__ = ["Crew", "Tell"]

_HEAD_START = 0.3
"""Seconds from the order to the beginning of a load, so that all workers begin together."""
_LAST = 5.0
"""Seconds for a worker to end by itself."""

Answer = TypeVar("Answer")
Tell = Callable[[float, int, int], None]
"""Told how far a load is: seconds since it began, operations answered, operations failed."""


class Crew:
    """Workers that are ready while the block runs, and gone after it.

    Args:
        jobs: one a worker.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._workers: dict[Connection, SpawnProcess] = {}

    def __enter__(self) -> Self:
        # A fork would take along gRPC's threads, which do not survive it.
        context = multiprocessing.get_context("spawn")
        for job in self._jobs:
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, job), daemon=True)
            process.start()
            theirs.close()
            self._workers[ours] = process
        try:
            self._collect(Ready)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def echo(self, count: int) -> Histogram:
        """Return how long an echo takes while nothing else is asked of the service: one caller, in turn.

        Raises:
            CliError: a worker failed.
        """
        first = next(iter(self._workers))
        first.send(Echo(count))
        return self._collect(Histogram, [first])[0]

    def load(self, load: Load, tell: Tell | None = None) -> Tally:
        """Let all workers load the service, and return what they saw together.

        Raises:
            CliError: a worker failed.
        """
        start = monotonic() + _HEAD_START
        for connection in self._workers:
            connection.send(replace(load, start=start))
        seen: dict[Connection, Progress] = {}

        def heard(connection: Connection, progress: Progress) -> None:
            seen[connection] = progress
            if tell:
                done, errors = (
                    sum(getattr(one, name) for one in seen.values()) for name in ("done", "errors")
                )
                tell(max(0.0, monotonic() - start), done, errors)

        together = Tally()
        for tally in self._collect(Tally, heard=heard):
            together.merge(tally)
        return together

    def _collect(
        self,
        kind: type[Answer],
        connections: Sequence[Connection] | None = None,
        heard: Callable[[Connection, Progress], None] | None = None,
    ) -> list[Answer]:
        """Return one answer of this kind from each worker, passing on what they say of their progress."""
        waited = set(self._workers if connections is None else connections)
        answers: list[Answer] = []
        while waited:
            for connection in cast("list[Connection]", wait(list(waited))):
                answer = self._receive(connection)
                if isinstance(answer, Progress):
                    if heard:
                        heard(connection, answer)
                elif isinstance(answer, kind):
                    answers.append(answer)
                    waited.remove(connection)
        return answers

    def _receive(self, connection: Connection) -> Any:
        try:
            answer = connection.recv()
        except EOFError:
            number = list(self._workers).index(connection)
            raise CliError(
                f"worker {number} of the load test died", "was it killed, or short of memory? see above."
            ) from None
        if isinstance(answer, Failure):
            raise CliError(
                f"the load test cannot go on: {answer.message}", "see the log of the graph service."
            )
        return answer

    def _end(self) -> None:
        for connection in self._workers:
            connection.close()
        for process in self._workers.values():
            process.join(_LAST)
            if process.is_alive():
                process.terminate()
                process.join()
