"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
from accelerate import Accelerator

__all__ = ["Interrupt", "listening"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Whether a run was asked to stop, by a signal to any of its processes."""

    def __init__(self) -> None:
        self.asked = False

    def agreed(self, accelerator: Accelerator) -> bool:
        """Return whether any process was asked; all processes must call it, and all get the same answer."""
        if accelerator.num_processes == 1:
            return self.asked
        flag = torch.tensor(int(self.asked), device=accelerator.device)
        return bool(accelerator.reduce(flag, reduction="sum").item())


@contextmanager
def listening() -> Iterator[Interrupt]:
    """Within it SIGINT and SIGTERM only set `asked`; a second one does what it did before.

    Outside the main thread signals cannot be listened to, and nothing is changed.
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        interrupt.asked = True
        signal.signal(number, before[signal.Signals(number)])

    for number in _SIGNALS:
        signal.signal(number, ask)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
