"""How much may be under way at once. gRPC counts calls at best; memory is spent by the byte."""

from __future__ import annotations

from vicinal.wire.errors import ResourceExhausted

__all__ = ["Admission"]

_RETRY_AFTER = 0.5


class Admission:
    """Admits calls until too many, or too many request bytes, are under way. For one event loop.

    Args:
        most_calls: calls under way at one time: some seconds of many annotators' clicks, so that a pause
            while new samples are taken in delays calls and refuses none.
        most_bytes: bytes of their requests together; one call is always admitted.
    """

    def __init__(self, most_calls: int = 1024, most_bytes: int = 512 * 1024 * 1024) -> None:
        self._most_calls = most_calls
        self._most_bytes = most_bytes
        self._calls = 0
        self._bytes = 0

    def enter(self, size: int) -> None:
        """Count a call of `size` bytes as under way, until `leave`.

        Raises:
            ResourceExhausted: QUEUE_FULL.
        """
        if self._calls >= self._most_calls:
            raise _full(f"{self._most_calls} calls are", self._most_calls)
        if self._calls and self._bytes + size > self._most_bytes:
            raise _full(f"requests of {self._bytes} bytes are", self._most_bytes)
        self._calls += 1
        self._bytes += size

    def leave(self, size: int) -> None:
        """Count a call of `size` bytes as done."""
        self._calls -= 1
        self._bytes -= size


def _full(what: str, limit: int) -> ResourceExhausted:
    message = f"{what} under way already; come back in {_RETRY_AFTER} s"
    return ResourceExhausted("QUEUE_FULL", message, retry_after=_RETRY_AFTER, limit=limit)
