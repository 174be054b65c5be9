"""Progress on a terminal, or lines in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from embed_service.training.loop.metrics import Row

__all__ = ["Display"]

_LINE_SECONDS = 15.0


class Display:
    """Shows how far a run is, on standard error; a context manager.

    On a terminal it is a bar; elsewhere a line with each probe, and one a quarter of a minute at most.

    Args:
        steps: of the whole run.
        done: steps done before.
        quiet: show nothing but warnings.
    """

    def __init__(self, steps: int, done: int, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._steps = steps
        self._last = 0.0
        self._knn = ""
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[values]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=steps, completed=done, values="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stepped(self, done: int) -> None:
        """`done` steps are done."""
        self._bar.update(self._task, completed=done)

    def show(self, row: Row) -> None:
        """Show what was measured."""
        if row.knn is not None:
            self._knn = f"k-NN {row.knn:.2%}"
        pace = row.steps_per_second or 0.0
        measured = (
            [f"loss {row.loss:.4f}", f"spread {row.spread:.3f}", f"{pace:.2f} steps/s"] if row.loss else []
        )
        self._bar.update(self._task, completed=row.step, values=" · ".join([*measured, self._knn]))
        now = time.monotonic()
        if self._quiet or self._console.is_terminal:
            return
        if row.knn is not None or now - self._last >= _LINE_SECONDS:
            self._last = now
            probed = [self._knn] if row.knn is not None else []
            left = [f"{(self._steps - row.step) / pace / 60:.1f} min left"] if pace else []
            self.say(" · ".join([f"step {row.step}/{self._steps}", *measured, *probed, *left]))

    def say(self, message: str) -> None:
        """Print one line."""
        self._console.print(message, soft_wrap=True, markup=False)
