"""What people read while a command works. It goes to stderr; results alone go to stdout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from vicinal_cli.errors import CliError, explain
from vicinal_client import Progress, VicinalError

__all__ = ["fail", "note", "progress", "stderr", "stdout", "warn_of"]

stderr = Console(stderr=True, highlight=False)
stdout = Console(highlight=False)

_SHOWN = 10
"""Most problems listed one by one."""


def note(text: str) -> None:
    """Say something that is no result."""
    stderr.print(Text(text), soft_wrap=True)


def warn_of(problems: Sequence[tuple[str, str]], what: str) -> None:
    """List what went wrong but did not end the command.

    Args:
        problems: name and reason of each.
        what: what they are, e.g. "images could not be embedded".
    """
    if not problems:
        return
    stderr.print(Text(f"warning: {len(problems)} {what}:", "yellow"), soft_wrap=True)
    for name, reason in problems[:_SHOWN]:
        stderr.print(Text(f"  {name}: {reason}"), soft_wrap=True)
    if len(problems) > _SHOWN:
        stderr.print(Text(f"  … and {len(problems) - _SHOWN} more"), soft_wrap=True)


def fail(error: CliError | VicinalError | OSError) -> None:
    """Say what a command ends with."""
    message, hint = explain(error)
    stderr.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    if hint:
        stderr.print(Text.assemble(("  → ", "dim"), hint), soft_wrap=True)


@contextmanager
def progress(description: str) -> Iterator[Progress]:
    """Show a bar while the block runs, if someone watches; the block tells it how far it is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn())
    bars = Bars(
        *columns, TimeRemainingColumn(), console=stderr, transient=True, disable=not stderr.is_terminal
    )
    with bars:
        task = bars.add_task(description, total=None)

        def tell(done: int, total: int, /) -> None:
            bars.update(task, completed=done, total=total or None)

        yield tell
