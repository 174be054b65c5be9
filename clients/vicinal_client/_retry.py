"""When a failed call is repeated, and how long any call may take."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from vicinal_client._exceptions import ConnectionFailed, Unavailable, VicinalError

__all__ = ["Deadline", "RetryPolicy"]


@dataclass(frozen=True)
class RetryPolicy:
    """How calls that failed with UNAVAILABLE are repeated.

    Nothing else is ever repeated by itself. A write is repeated with the same request id and the same
    content, so it happens once. The wait before repeat i (from 0) is uniform between 0 and
    min(max_backoff, initial_backoff · 2^i) seconds ("full jitter"), and comes on top of the time that
    the service asked for, if it did. No repeat starts after the call's timeout.

    Attributes:
        attempts: most tries of one call, the first included; 1 turns repeating off.
        initial_backoff: upper bound of the first wait, in seconds.
        max_backoff: upper bound of any wait, in seconds.
    """

    attempts: int = 6
    initial_backoff: float = 0.2
    max_backoff: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.initial_backoff < 0 or self.max_backoff < 0:
            raise ValueError(f"attempts must be at least 1 and waits not negative: {self}")

    def delay(self, repeats: int, failure: VicinalError) -> float | None:
        """Return the seconds to wait before the next repeat, or None when `failure` is final.

        Args:
            repeats: how often the call was repeated already.
            failure: why it failed this time.
        """
        if repeats + 1 >= self.attempts or not isinstance(failure, Unavailable | ConnectionFailed):
            return None
        asked = (failure.retry_after or 0.0) if isinstance(failure, Unavailable) else 0.0
        bound = min(self.max_backoff, self.initial_backoff * 2.0 ** min(repeats, 60))
        return asked + random.uniform(0.0, bound)  # noqa: S311 (no secret)


class Deadline:
    """A moment on the monotonic clock by which a call must be over."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, never negative."""
        return max(0.0, self._end - time.monotonic())
