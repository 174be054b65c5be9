"""Services for a demo: `vicinal up` in a process of its own, on free ports, gone when the demo is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vicinal_cli.errors import CliError
from vicinal_cli.up.guard import Guard

__all__ = ["Stack", "stack"]

_PATIENCE = 120.0
"""Seconds for `vicinal up` to stop; it stops the services in good order first."""
_LINES = 5


@dataclass(frozen=True)
class Stack:
    """Where the services listen.

    Attributes:
        embed: HOST:PORT of the embedding service.
        graph: HOST:PORT of the graph service.
    """

    embed: str
    graph: str


@contextmanager
def stack(folder: Path, arguments: Sequence[str] = ()) -> Iterator[Stack]:
    """Yield services that are SERVING and keep their data in `folder`; stop them at the end.

    Args:
        folder: an empty folder; the data goes to data/, what the services say to services.log.
        arguments: more flags of `vicinal up`.

    Raises:
        CliError: they do not start.
    """
    log = folder / "services.log"
    ports = ("--embed-port", "0", "--graph-port", "0", "--no-page", "--data-dir", str(folder / "data"))
    with Guard() as guard, log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "vicinal_cli", "up", *ports, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            process_group=0,  # a terminal's Ctrl-C is for the demo, which stops the services in good order
        )
        guard.watch(process.pid)
        try:
            yield _announced(process, log)
        finally:
            process.terminate()
            try:
                process.communicate(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _announced(process: subprocess.Popen[str], log: Path) -> Stack:
    """Return the addresses that `vicinal up` prints, once it has."""
    if process.stdout is None:
        raise ValueError("stdout is not a pipe")
    addresses = {}
    for line in process.stdout:
        name, _, address = line.strip().removeprefix("export ").partition("=")
        addresses[name] = address
        if "VICINAL_EMBED" in addresses and "VICINAL_GRAPH" in addresses:
            return Stack(addresses["VICINAL_EMBED"], addresses["VICINAL_GRAPH"])
    said = log.read_text(errors="replace").splitlines()[-_LINES:]
    raise CliError("the services did not start; the last they said:\n  " + "\n  ".join(said))
