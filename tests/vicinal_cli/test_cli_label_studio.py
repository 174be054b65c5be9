"""`vicinal label-studio`: what it refuses before anything is started."""

import socket
import sys
from contextlib import closing

import pytest

from vicinal_cli.main import main

SERVE = ["serve", "--project", "1", "--url", "http://127.0.0.1:9", "--token", "t"]


@pytest.fixture
def refused(monkeypatch, capsys):
    """`refused(*words)`: run the command line, which must fail; what it said."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["vicinal", "label-studio", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code != 0
        return capsys.readouterr().err

    return run


def test_a_missing_extra_is_named(refused, monkeypatch):
    monkeypatch.setattr("vicinal_cli.needs.find_spec", lambda name: None if name == "uvicorn" else object())
    said = refused(*SERVE)
    assert "needs uvicorn" in said
    assert "pip install 'vicinal[label-studio]'" in said


def test_other_machines_are_let_in_with_a_password_only(refused, monkeypatch):
    monkeypatch.delenv("VICINAL_PASSWORD", raising=False)
    assert "VICINAL_PASSWORD" in refused(*SERVE, "--host", "0.0.0.0")


def test_images_are_embedded_by_vicinals_own_service_only(refused):
    said = refused(*SERVE, "--embed", "triton://127.0.0.1:8001/vit")
    assert "triton://127.0.0.1:8001/vit is no embedding service of vicinal's" in said
    assert "--embed HOST:PORT" in said


def test_a_label_studio_that_is_not_there(refused):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    said = refused("connect", "--project", "1", "--url", f"http://127.0.0.1:{port}", "--token", "t")
    assert f"Label Studio at http://127.0.0.1:{port} is away" in said
