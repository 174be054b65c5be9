"""Work that nobody waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Background"]


class Background:
    """One thread, which works when it is woken. Thread-safe.

    Args:
        name: of the thread.
        work: does all that there is to do; must not raise. It is called again where `wake` came while it ran.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._is_working = False
        self._is_woken = False
        self._closed = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    def wake(self) -> None:
        """See to it that `work` is called from now on, once; after `close` it is not."""
        with self._lock:
            self._is_woken = True
            if not self._is_working and not self._closed.is_set():
                self._is_working = True
                self._thread.submit(self._run)

    def rest(self, seconds: float) -> bool:
        """Wait, within `work`; return at once, and True, when it is closed."""
        return self._closed.wait(max(seconds, 0))

    def close(self) -> None:
        """Begin nothing any more; what is being done is not interrupted."""
        with self._lock:
            self._closed.set()
            self._thread.shutdown(wait=False)

    def _run(self) -> None:
        while self._goes_on():
            self._work()

    def _goes_on(self) -> bool:
        with self._lock:
            self._is_working = self._is_woken and not self._closed.is_set()
            self._is_woken = False
            return self._is_working
