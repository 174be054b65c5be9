"""What a client tells of each of its calls to whoever wants to know."""

from __future__ import annotations

from dataclasses import dataclass

from vicinal_client._exceptions import VicinalError

__all__ = ["FinishedCall"]


@dataclass(frozen=True)
class FinishedCall:
    """One call that is over. Repeats are calls of their own.

    Attributes:
        method: its name in the contract, e.g. "AddLabels".
        seconds: from its sending until its answer was read.
        server_seconds: how much of that the service says it spent; None when it does not say, as with errors.
        error: why it failed; None when it was answered.
    """

    method: str
    seconds: float
    server_seconds: float | None
    error: VicinalError | None
