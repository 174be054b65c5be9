"""Servers as processes of their own: started, waited for, put to sleep, and what they cost. Linux only."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from vicinal_client import ConnectionFailed, DeadlineExceeded, EmbedClient

__all__ = ["Server", "litserve_server", "our_server", "stop_in_order"]

HERE = Path(__file__).parent
PATIENCE = 120.0
"""Seconds to come up in."""
PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """A server and the processes that it started, while entered.

    Attributes:
        protocol: "grpc" or "http".
        address: HOST:PORT, once entered.
    """

    def __init__(self, protocol: str, command: Sequence[object], address: Callable[[], str | None]) -> None:
        """Describe it.

        Args:
            protocol: what callers.py has to speak.
            command: words to start it with.
            address: returns HOST:PORT once it answers there, and None before.
        """
        self.protocol = protocol
        self.address = ""
        self._command = [str(word) for word in command]
        self._find = address

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE
        while not (address := self._find()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self.said()
                self.__exit__(None, None, None)
                raise SystemExit(f"{shlex.join(self._command)} did not come up:\n{said}")
            time.sleep(0.1)
        self.address = address
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signal(signal.SIGCONT)
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(30)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._log.close()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run within, and stop it (SIGSTOP) afterwards."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self._signal(signal.SIGSTOP)

    def said(self) -> str:
        """Return what it wrote to stdout and stderr."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def cpu_seconds(self) -> float:
        """Return the CPU time that its processes have spent, in seconds."""
        return sum(int(stat[11]) + int(stat[12]) for stat in self._stats()) / TICK

    def resident_bytes(self) -> int:
        """Return the memory that its processes hold, in bytes."""
        return PAGE * sum(int(stat[21]) for stat in self._stats())

    def open_files(self) -> int:
        """Return how many files and sockets its first process has open."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    def _stats(self) -> Iterator[list[str]]:
        """Yield what /proc/PID/stat says after the command's name, for each process of the group."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                stat = path.read_text().rpartition(")")[2].split()
                if int(stat[2]) == self._process.pid:
                    yield stat

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def stop_in_order() -> None:
    """Let SIGTERM end this process as an exception does, so that no server is left behind asleep."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def our_server(folder: Path, *flags: object) -> Server:
    """Return `python -m embed_service` with `flags`, on any port; it writes that to `folder`."""
    port_file = folder / "embed.port"

    def address() -> str | None:
        with suppress(FileNotFoundError, ConnectionFailed, DeadlineExceeded):
            found = f"127.0.0.1:{int(port_file.read_text())}"
            with EmbedClient(found) as client:
                client.wait_until_ready(5)
            return found
        return None

    command = [sys.executable, "-m", "embed_service", "--port", 0, "--port-file", port_file, *flags]
    return Server("grpc", command, address)


def litserve_server(python: Path, encoder: Path, *flags: object) -> Server:
    """Return the peer, run by the `python` that LitServe is installed for."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]

    def address() -> str | None:
        request = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 5)) as connection:
            connection.sendall(request)
            if b" 200 " in connection.recv(64):
                return f"127.0.0.1:{port}"
        return None

    command = [python, HERE / "litserve_peer.py", "--encoder", encoder, "--port", port, *flags]
    return Server("http", command, address)
