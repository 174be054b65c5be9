"""The graph service alone, for a command that needs no other and no longer."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vicinal_cli.errors import CliError
from vicinal_cli.up.guard import Guard
from vicinal_client import ConnectionFailed, DeadlineExceeded, GraphClient

__all__ = ["FIRST_START", "graph_alone"]

FIRST_START = "the first start on a machine compiles kernels, about half a minute"
"""Why a graph service may let people wait, for who tells them."""

_POLL = 0.05
_GRACE = 60.0
"""Seconds to stop in good order before it is killed."""
_LOOK = 2.0
"""Seconds of one wait for SERVING."""
_LINES = 5


@contextmanager
def graph_alone(folder: Path) -> Iterator[str]:
    """Yield the address, HOST:PORT, of a graph service that is SERVING; stop it at the end.

    Args:
        folder: an empty folder; the data goes to data/, what the service says to graph.log.

    Raises:
        CliError: it does not start.
    """
    port, log = folder / "graph.port", folder / "graph.log"
    flags = ("--port", "0", "--port-file", str(port), "--data-dir", str(folder / "data"))
    with Guard() as guard, log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "graph_service", *flags],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            process_group=0,  # a terminal's Ctrl-C is for the command, which stops the service in good order
        )
        guard.watch(process.pid)
        try:
            while not (address := _serving(port)):
                if process.poll() is not None:
                    said = log.read_text(errors="replace").splitlines()[-_LINES:]
                    raise CliError(
                        "the graph service did not start; the last it said:\n  " + "\n  ".join(said)
                    )
                time.sleep(_POLL)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _serving(port: Path) -> str:
    """Return the address of the service if it is SERVING, else an empty text."""
    with suppress(FileNotFoundError, ConnectionFailed, DeadlineExceeded):
        address = f"127.0.0.1:{int(port.read_text())}"
        with GraphClient(address) as client:
            client.wait_until_ready(_LOOK)
        return address
    return ""
