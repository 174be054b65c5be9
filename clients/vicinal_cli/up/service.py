"""One service as a process: started, listened to, waited for, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from vicinal_client import AsyncEmbedClient, AsyncGraphClient, ConnectionFailed, DeadlineExceeded

__all__ = ["Service", "ServiceSpec"]

_POLL = 0.05
_LOOK = 30.0
"""Seconds of one wait for SERVING, after which the next begins."""
_GRACE = 60.0
"""Seconds to stop in good order before it is killed."""
_LAST_WORDS = 2.0
"""Seconds for the log of a process that is gone."""


@dataclass(frozen=True)
class ServiceSpec:
    """How to start a service.

    Attributes:
        name: for people, e.g. "graph".
        module: run with `python -m`.
        arguments: its flags, without --host, --port and --port-file.
        client: class that knows its health; None where one that listens serves.
        host: where it listens.
        port: 0 for any free one; None for what the service takes by itself.
        environment: variables beside those of this process.
    """

    name: str
    module: str
    arguments: Sequence[str]
    client: type[AsyncEmbedClient] | type[AsyncGraphClient] | None
    host: str
    port: int | None
    environment: Mapping[str, str] = field(default_factory=dict)


class Service:
    """A running service. Its log goes to stderr, each line after its name.

    Attributes:
        spec: how it was started.
        address: HOST:PORT; empty until it listens.
        last_line: of its log.
    """

    def __init__(
        self, spec: ServiceSpec, process: Process, log: asyncio.StreamReader, port_file: Path
    ) -> None:
        self.spec = spec
        self.address = ""
        self.last_line = ""
        self._process = process
        self._port_file = port_file
        self._asked = False
        self._log = asyncio.create_task(self._pass_on(log))

    @classmethod
    async def start(cls, spec: ServiceSpec, folder: Path) -> Service:
        """Start the process; it need not listen yet.

        Args:
            spec: what to start.
            folder: where it may write its port.
        """
        port_file = folder / f"{spec.name}.port"
        port = () if spec.port is None else ("--port", str(spec.port))
        flags = ("--host", spec.host, *port, "--port-file", str(port_file))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", spec.module, *flags, *spec.arguments),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env={**os.environ, **spec.environment},
            process_group=0,  # a terminal's Ctrl-C is for `up`, which stops the services in good order
        )
        return cls(spec, process, cast("asyncio.StreamReader", process.stdout), port_file)

    @property
    def pid(self) -> int:
        """Its process id, also that of its process group."""
        return self._process.pid

    async def serving(self) -> None:
        """Return when health says SERVING, or without health when it listens, however long that takes."""
        while not self._port_file.exists():
            await asyncio.sleep(_POLL)
        port = int(self._port_file.read_text())
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.spec.host, self.spec.host)  # noqa: S104
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self.spec.client is None:
            return
        async with self.spec.client(self.address) as client:
            while True:
                with suppress(ConnectionFailed, DeadlineExceeded):
                    await client.wait_until_ready(_LOOK)
                    return

    async def ended(self) -> str:
        """Return, once the process has ended by itself, a sentence that says how."""
        status = await self._process.wait()
        await self._said_all()
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        said = f"; it said: {self.last_line}" if self.last_line else ""
        return f"the {self.spec.name} service {how}{said}"

    def ask_to_stop(self, *, again: bool = False) -> None:
        """Send SIGTERM once, which lets calls under way finish; `again`, which ends the service at once."""
        if again or not self._asked:
            self._asked = True
            with suppress(ProcessLookupError):
                self._process.terminate()

    async def stopped(self) -> None:
        """Return when the process is gone; one that does not stop in time is killed."""
        try:
            await asyncio.wait_for(self._process.wait(), _GRACE)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._said_all()

    async def _said_all(self) -> None:
        """Let the rest of the log come, unless some other process holds it open."""
        await asyncio.wait([self._log], timeout=_LAST_WORDS)

    async def _pass_on(self, log: asyncio.StreamReader) -> None:
        """Copy the log to stderr."""
        while True:
            try:
                line = await log.readline()
            except ValueError:  # a line longer than the reader's buffer, which has dropped it
                continue
            if not line:
                return
            self.last_line = line.decode(errors="replace").rstrip()
            with suppress(OSError):  # whoever read our stderr is gone; the service must not block
                print(f"{self.spec.name:5} | {self.last_line}", file=sys.stderr, flush=True)
