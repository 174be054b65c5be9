"""`vicinal up`: ready together, gone together, whatever ends it."""

import json
import os
import signal
import socket
import sys
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import grpc
import pytest
from rich.console import Console

from vicinal.embed.v1 import embed_pb2, embed_pb2_grpc
from vicinal_cli.connect import DEFAULT_EMBED, DEFAULT_GRAPH
from vicinal_cli.main import main
from vicinal_client import EmbedClient, GraphClient


def pid_of(running, words):
    (pid,) = [pid for pid, line in running.living().items() if words in line]
    return pid


def left_in(folder):
    """Names of what is there, but for the test's own server."""
    return [path.name for path in folder.iterdir() if not path.name.startswith("redis-")]


@pytest.fixture
def up(start_up, encoder):
    """Start `vicinal up` with the tiny encoder, on the data of this test."""
    return lambda *more: start_up("--encoder", str(encoder), *more)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything(up, number):
    running = up()
    where = running.addresses()
    with EmbedClient(where["VICINAL_EMBED"]) as embed, GraphClient(where["VICINAL_GRAPH"]) as graph:
        embed.wait_until_ready(0.5)
        graph.wait_until_ready(0.5)
    assert pid_of(running, "valkey-server")
    status, said = running.stop(number)
    assert status == 0, said
    assert not running.living()


def test_what_was_written_is_there_the_next_time(up):
    for names in ((), ("kept",)):
        running = up()
        with GraphClient(running.addresses()["VICINAL_GRAPH"]) as client:
            assert tuple(one.name for one in client.list_datasets()) == names
            if not names:
                client.create_dataset("kept", dimension=2, classes=["a", "b"])
        assert running.stop()[0] == 0


def test_vectors_are_made_once(up, pictures):
    images = [path.read_bytes() for path in sorted(pictures.rglob("*.*"))[:8]]
    answers = []
    for _ in range(2):
        running = up()
        with grpc.insecure_channel(running.addresses()["VICINAL_EMBED"]) as channel:
            stub = embed_pb2_grpc.EmbeddingServiceStub(channel)
            answers.append(stub.Embed(embed_pb2.EmbedRequest(images=images), timeout=60))
        assert running.stop()[0] == 0
    assert [{result.cached for result in answer.results} for answer in answers] == [{False}, {True}]
    assert answers[0].embeddings == answers[1].embeddings


def test_nothing_outlives_a_killed_up(up):
    running = up()
    running.addresses()
    running.process.kill()
    assert running.gone(), running.living()


@pytest.mark.parametrize(
    ("service", "name"), [("embed_service", "embed"), ("graph_service", "graph"), ("vicinal_page", "page")]
)
def test_one_that_dies_takes_the_others_along(up, service, name):
    running = up("--page", "--page-port", "0")
    running.addresses()
    os.kill(pid_of(running, f"-m {service}"), signal.SIGKILL)
    _, said = running.process.communicate(timeout=60)
    assert running.process.returncode == 1
    assert f"error: the {name} service was killed by SIGKILL" in said
    assert not running.living()


def test_one_that_cannot_start_is_named(up, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no encoder")
    running = up("--encoder", str(tmp_path / "bad.onnx"))
    out, said = running.process.communicate(timeout=60)
    assert (running.process.returncode, out) == (1, "")
    assert "error: the embed service ended with status 1; it said: " in said
    assert "bad.onnx" in said
    assert "embed | " in said
    assert not running.living()


def test_a_store_of_ones_own(up, start_redis):
    running = up("--redis-url", start_redis(appendonly="no").url)
    _, said = running.process.communicate(timeout=60)
    assert running.process.returncode == 1
    assert "error: the graph service ended with status 1" in said
    assert "appendonly" in said.splitlines()[-2]
    running = up("--redis-url", start_redis().url)
    with GraphClient(running.addresses()["VICINAL_GRAPH"]) as client:
        client.create_dataset("kept", dimension=2, classes=["a", "b"])
    assert running.stop()[0] == 0
    assert left_in(running.folder) == []


def test_a_store_of_ones_own_and_a_folder_for_vectors(up, start_redis):
    running = up("--redis-url", start_redis().url, "--data-dir", "mine")
    running.addresses()
    assert running.stop()[0] == 0
    assert left_in(running.folder) == ["mine"]
    assert left_in(running.folder / "mine") == ["vectors"]


def test_a_signal_during_the_start_stops_it(up):
    running = up()
    for line in running.process.stderr:
        if line.startswith("embed | "):
            break
    status, said = running.stop()
    assert status == 0, said
    assert running.gone(), running.living()


def test_the_page_is_served_in_front_of_the_graph_service(up, pictures):
    running = up("--page", "--page-port", "0", "--images", str(pictures))
    with GraphClient(running.addresses()["VICINAL_GRAPH"]) as client:
        client.create_dataset("seen", dimension=2, classes=["a", "b"])
    with urlopen(page_address(running) + "api/datasets", timeout=30) as answer:
        assert json.load(answer)["datasets"] == [
            {"name": "seen", "samples": 0, "verified": 0, "given": 0, "images": True}
        ]
    status, said = running.stop()
    assert status == 0, said
    assert not running.living()


def test_a_page_that_others_can_reach_has_a_token(up):
    running = up("--page", "--page-port", "0", "--host", "0.0.0.0")
    running.addresses()
    named, _, query = page_address(running).partition("?")
    token = query.removeprefix("token=")
    assert len(token) > 20
    assert urlsplit(named).hostname == socket.gethostname().lower()
    address = f"http://127.0.0.1:{urlsplit(named).port}/"
    with pytest.raises(HTTPError, match="401"):
        urlopen(address + "api/datasets", timeout=30)
    with urlopen(Request(address + "api/datasets", headers={"Authorization": f"Bearer {token}"})) as answer:
        assert answer.status == 200
    # What a process was started with is open to everybody on the machine.
    assert not any(token in line for line in running.living().values())


def test_images_of_no_dataset_are_named(up, pictures):
    running = up("--page", "--page-port", "0", "--images", f"phots={pictures}", "--images", str(pictures))
    running.addresses()
    said = []
    # The page looks for the datasets before it answers, but after its address is told.
    urlopen(page_address(running, said), timeout=30).close()
    said.append(running.stop()[1])
    assert f"--images phots={pictures}: there is no dataset 'phots' yet" in "".join(said)


@pytest.mark.parametrize(
    ("terminal", "graph", "exported"),
    [(True, DEFAULT_GRAPH, False), (False, DEFAULT_GRAPH, True), (True, "127.0.0.1:1", True)],
)
def test_where_they_are_is_printed_for_who_needs_it(monkeypatch, capsys, terminal, graph, exported):
    async def run_pair(_options, on_serving):
        on_serving(DEFAULT_EMBED, graph)

    monkeypatch.setattr("vicinal_cli.commands.up.run_pair", run_pair)
    monkeypatch.setattr("vicinal_cli.commands.up.stdout", Console(force_terminal=terminal))
    monkeypatch.setattr(sys, "argv", ["vicinal", "up", "--no-page", "--redis-url", "redis://localhost"])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert said.out == (f"export VICINAL_EMBED={DEFAULT_EMBED}\nexport VICINAL_GRAPH={graph}\n" * exported)
    assert ("without being told" in said.err) != exported


def page_address(running, said=None):
    """What `up` says of the page; all that it says until then is added to `said`."""
    for line in running.process.stderr:
        if said is not None:
            said.append(line)
        if (at := line.find("http://")) >= 0:
            return line[at:].strip()
    raise AssertionError("there is no page")
