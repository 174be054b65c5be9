"""The images start what they say: their entry points, health probe and store, run without an engine."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from graph_service.log.redis_store import RedisStore

DOCKER = Path(__file__).resolve().parents[1] / "docker"


def words(dockerfile: str, instruction: str) -> list[str]:
    """The words of the last exec-form `instruction` of a Dockerfile."""
    found = re.findall(rf"\b{instruction} (\[.*\])$", (DOCKER / dockerfile).read_text(), re.MULTILINE)
    return json.loads(found[-1])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def here(command: list[str], port: int) -> list[str]:
    """An image's command as it runs outside of a container: this Python, loopback, a free port."""
    places = {
        "python": sys.executable,
        "/opt/vicinal/healthy.py": str(DOCKER / "healthy.py"),
        "0.0.0.0": "127.0.0.1",
        "50051": str(port),
        "50052": str(port),
    }
    return [places.get(word, word) for word in command]


@contextmanager
def process(command: list[str], **options):
    with subprocess.Popen(command, **options) as running:
        try:
            yield running
        finally:
            running.terminate()
        assert running.wait(timeout=60) == 0


def becomes_healthy(probe: list[str], service: subprocess.Popen) -> bool:
    """Whether `probe` exits with 0 within two minutes, while the service lives."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and service.poll() is None:
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.2)
    return False


@pytest.fixture(scope="module")
def compose():
    """The compose file as Compose reads it."""
    command = [Path(sys.executable).with_name("docker-compose"), "-f", DOCKER / "compose.yaml"]
    flags = ["--profile", "*", "config", "--format", "json"]
    return json.loads(subprocess.run([*command, *flags], capture_output=True, check=True).stdout)["services"]


@pytest.fixture
def redis_url(compose, tmp_path):
    """The redis service of the compose file."""
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server on the PATH (Debian: apt-get install redis-server)")
    port = free_port()
    command = [*compose["redis"]["command"], "--port", str(port), "--bind", "127.0.0.1"]
    probe = compose["redis"]["healthcheck"]["test"][1:]
    with process(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as redis:
        assert becomes_healthy([*probe[:1], "-p", str(port), *probe[1:]], redis)
        yield f"redis://127.0.0.1:{port}/0"


@pytest.mark.parametrize("image", ["embed", "graph", "graph with the compose file's redis"])
def test_a_container_would_become_healthy(image, compose, request, tmp_path):
    name = image.split()[0]
    port = free_port()
    command = here(words(f"{name}.Dockerfile", "ENTRYPOINT"), port)
    if image == "graph":
        command += [word.replace("/data", str(tmp_path)) for word in words("graph.Dockerfile", "CMD")]
    elif name == "graph":
        url = request.getfixturevalue("redis_url")
        command += [word.replace("redis://redis:6379/0", url) for word in compose["graph"]["command"]]
    probe = here(words(f"{name}.Dockerfile", "HEALTHCHECK .*CMD"), port)
    assert subprocess.run(probe, capture_output=True, check=False).returncode == 1
    with process(command, cwd=tmp_path) as service:
        assert becomes_healthy(probe, service)


def test_the_redis_of_the_compose_file_is_one_that_the_log_accepts(redis_url):
    RedisStore.connect(redis_url).close()


def test_services_in_containers_are_reachable_from_this_machine_only(compose):
    for service in compose.values():
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", []))


def test_the_gpu_is_asked_for_in_its_profile_only(compose):
    wants_gpu = {name for name, service in compose.items() if "deploy" in service}
    assert wants_gpu == {"embed-gpu"}
    assert compose["embed-gpu"]["build"]["target"] == "gpu"
