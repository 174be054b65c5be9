"""Many callers' writes, few commits.

With an fsync for every commit the disk sets the pace, so writes that arrive while one commit is under way
gather, and the next commit takes them together. There is no writer thread: the first caller to find the
lead free leads, and the others find their write done when they get it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graph_service.log.base import Write

__all__ = ["Outcome", "VectorWrite", "Writer"]

Outcome = int | Exception
"""The revision that a write got, or why it was refused."""


@dataclass(frozen=True)
class VectorWrite(Write):
    """Vectors that only fit while the dataset is of the encoder that made them.

    The encoder may change while the write waits for its turn.

    Attributes:
        encoder_digest: what the caller says made them. It is not logged: the log's order tells it.
    """

    encoder_digest: str


@dataclass(eq=False)
class _Pending:
    write: Write
    outcome: Outcome | None = None


class Writer:
    """Gathers the writes of one dataset and commits them in order of arrival.

    Args:
        commit: takes writes that may share a commit and returns an outcome for each. It is never called
            twice at once. What it raises is the outcome of each of them.
        together: takes writes in order of arrival and returns how many of them, from the first on, may share
            a commit, at least 1. Called right before `commit` by the same thread.
        most: the most writes in one commit.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Write]], Sequence[Outcome]],
        together: Callable[[Sequence[Write]], int],
        most: int = 256,
    ) -> None:
        self._commit = commit
        self._together = together
        self._most = most
        self._waiting: deque[_Pending] = deque()
        self._lead = threading.Lock()

    def submit(self, write: Write) -> int:
        """Commit one write and return its revision; raises what it was refused for."""
        pending = _Pending(write)
        self._waiting.append(pending)
        while pending.outcome is None:
            with self._lead:
                if pending.outcome is None:
                    self._commit_next()
        if isinstance(pending.outcome, Exception):
            raise pending.outcome
        return pending.outcome

    def _commit_next(self) -> None:
        # By index: others append meanwhile.
        waiting = [self._waiting[i].write for i in range(min(len(self._waiting), self._most))]
        batch = [self._waiting.popleft() for _ in range(self._together(waiting))]
        try:
            outcomes = self._commit([pending.write for pending in batch])
        except Exception as error:  # whatever happened, nobody is left waiting
            outcomes = [error] * len(batch)
        for pending, outcome in zip(batch, outcomes, strict=True):
            pending.outcome = outcome
